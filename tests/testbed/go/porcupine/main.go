// Command porcupine checks whether histories of stocks are linearizable. It reads one JSON document from standard input,
// a list of histories, and prints one word a history: Ok, Illegal or Unknown (not decided in time).
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/anishathalye/porcupine"
)

// Patience is how long one history may take.
const patience = 60 * time.Second

// Operation is a change or a read of a stock and its answer.
type operation struct {
	Client int   `json:"client"`
	Call   int64 `json:"call"`
	Return int64 `json:"return"`
	// Delta is the change; 0 is a read.
	Delta int64 `json:"delta"`
	// Refused is a change that was answered "not enough".
	Refused bool `json:"refused"`
	// Quantity is what the answer says is there, after a change.
	Quantity int64 `json:"quantity"`
}

// A stock with a number of units, none at first: a change below nothing is refused, anything else is made.
var stock = porcupine.Model{
	Init: func() interface{} { return int64(0) },
	Step: func(state, input, output interface{}) (bool, interface{}) {
		units, asked := state.(int64), input.(operation)
		after := units + asked.Delta
		switch {
		case asked.Refused:
			return after < 0, units
		case after < 0:
			return false, units
		default:
			return asked.Quantity == after, after
		}
	},
	Equal: func(one, other interface{}) bool { return one == other },
}

func main() {
	var histories [][]operation
	if err := json.NewDecoder(os.Stdin).Decode(&histories); err != nil {
		fmt.Fprintln(os.Stderr, "reading histories:", err)
		os.Exit(2)
	}
	for _, history := range histories {
		operations := make([]porcupine.Operation, 0, len(history))
		for _, one := range history {
			operations = append(operations, porcupine.Operation{
				ClientId: one.Client, Input: one, Call: one.Call, Output: nil, Return: one.Return,
			})
		}
		fmt.Println(porcupine.CheckOperationsTimeout(stock, operations, patience))
	}
}
