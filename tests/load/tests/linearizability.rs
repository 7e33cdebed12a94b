//! The checker of linearizability accepts what is right and rejects every planted fault:
//! `cargo test --workspace --test linearizability -- --ignored`.

#![allow(clippy::expect_used, reason = "a test ends where it finds a fault")]

use store_load::linearizability::{Opinion, Step, check};

/// Eight clients, always three at the same time: counts, sales down to nothing, refusals, reads.
fn right() -> Vec<Step> {
    let (mut steps, mut units) = (Vec::new(), 0);
    for turn in 0..400_u64 {
        let delta = [12, -5, 0, -4, -6, 0, 3, -2][usize::try_from(turn % 8).expect("small")];
        let refused = units + delta < 0;
        if !refused {
            units += delta;
        }
        let client = usize::try_from(turn % 8).expect("small");
        steps.push(Step { client, call: turn * 10, ended: turn * 10 + 25, delta, refused, quantity: units });
    }
    steps
}

fn at(steps: &mut [Step], from: usize, wanted: impl Fn(&Step) -> bool) -> &mut Step {
    steps[from..].iter_mut().find(|step| wanted(step)).expect("there is one")
}

fn sale(step: &Step) -> bool {
    step.delta < 0 && !step.refused
}

fn read(step: &Step) -> bool {
    step.delta == 0
}

#[test]
#[ignore = "builds a Go program"]
fn what_is_right_is_accepted_and_every_planted_fault_is_not() {
    let plant = |change: &dyn Fn(&mut Vec<Step>)| {
        let mut steps = right();
        change(&mut steps);
        steps
    };
    let planted = [
        ("nothing", plant(&|_| ())),
        ("another order", plant(&|steps| steps.reverse())),
        // Acknowledged, and all that comes after knows nothing of it.
        (
            "a lost write",
            plant(&|steps| {
                steps
                    .insert(200, Step { client: 9, call: 1_990, ended: 1_995, delta: 7, refused: false, quantity: 19 });
            }),
        ),
        // Two buyers were told of the same last units.
        (
            "a double sale",
            plant(&|steps| {
                let sold = *at(steps, 100, sale);
                steps.push(Step { client: 9, ..sold });
            }),
        ),
        // A refusal should have been the answer.
        (
            "an oversold stock",
            plant(&|steps| {
                let step = at(steps, 100, |step| step.refused);
                (step.refused, step.quantity) = (false, step.quantity + step.delta);
            }),
        ),
        // What was there long ago.
        (
            "a stale read",
            plant(&|steps| {
                let step = at(steps, 200, |step| read(step) && step.quantity != 0);
                step.quantity = 0;
                step.call += 4;
                step.ended = step.call + 1;
            }),
        ),
        // What was there at no time.
        ("a phantom", plant(&|steps| at(steps, 100, read).quantity = 1_000)),
        // Somebody was refused although there was enough.
        (
            "a false refusal",
            plant(&|steps| {
                let units = at(steps, 100, |step| step.quantity > 9).quantity;
                let call = at(steps, 100, |step| step.quantity > 9).call;
                steps.push(Step { client: 9, call, ended: call + 1, delta: -1, refused: true, quantity: units });
            }),
        ),
    ];
    let histories: Vec<Vec<Step>> = planted.iter().map(|(_, steps)| steps.clone()).collect();
    let opinions = check(&histories).expect("the checker runs");
    for ((name, _), opinion) in planted.iter().zip(opinions) {
        let wanted = match *name {
            "nothing" | "another order" => Opinion::Linearizable,
            _ => Opinion::Illegal,
        };
        assert_eq!(opinion, wanted, "{name}");
    }
}
