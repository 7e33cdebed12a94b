// Command etcd is the etcd server; upstream's own main lives in a module that only replaces resolve.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
