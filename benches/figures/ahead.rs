//! What it brings to compile cells ahead, and what it costs the cell that runs meanwhile. Wall time always.

use std::time::Instant;

use crate::bench::Bench;
use crate::live::Live;
use crate::record::Row;

/// Half of the cells define items, the other half run them.
const CELLS: usize = 24;

pub(crate) fn measure(bench: &mut Bench) {
    together(bench);
    beside(bench);
}

/// Cells that no cache knows: those of each `round` are others.
fn cells(round: usize) -> Vec<String> {
    let pair = |n: usize| {
        let id = format!("{round}_{n}");
        [
            format!(
                "#[derive(Clone, Debug, PartialEq)] struct S{id} {{ name: String, sizes: Vec<u64> }}\n\
                 impl S{id} {{ fn total(&self) -> u64 {{ self.sizes.iter().map(|s| s * {n}).sum() }} }}\n\
                 fn make_{id}(n: u64) -> S{id} {{ S{id} {{ name: format!(\"{{n}}\"), sizes: (0..n).collect() }} }}"
            ),
            format!("let s{id} = make_{id}({n}); println!(\"{{}} {{:?}}\", s{id}.total(), s{id}.clone());"),
        ]
    };
    (0..CELLS / 2).flat_map(pair).collect()
}

/// A notebook whose cells are known from the start, against the same cells one at a time.
fn together(bench: &mut Bench) {
    let (mut ahead, mut alone) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds(5) {
        ahead.push(seconds(&cells(2 * round), true));
        alone.push(seconds(&cells(2 * round + 1), false));
    }
    bench.add(Row::ratio("24 new cells, known ahead, to one at a time", ahead, alone).at_most(0.8));
}

fn seconds(cells: &[String], known: bool) -> f64 {
    let mut live = Live::start();
    live.run("let warm = 1;");
    let sources: Vec<&str> = cells.iter().map(String::as_str).collect();
    let began = Instant::now();
    for n in 0..sources.len() {
        live.run_before(sources[n], if known { &sources[n + 1..] } else { &[] });
    }
    began.elapsed().as_secs_f64()
}

/// A cell that keeps every processor busy while others are compiled ahead, against the same cell alone.
fn beside(bench: &mut Bench) {
    let busy = "let threads = std::thread::available_parallelism()?.get();\n\
                let work = || (0..1_500_000_000_u64).fold(0, |s: u64, i| (s ^ i).rotate_left(5));\n\
                std::thread::scope(|scope| for _ in 0..threads { scope.spawn(|| std::hint::black_box(work())); });";
    let (mut beside, mut alone) = (Vec::new(), Vec::new());
    for round in 0..bench.rounds(5) {
        let mut live = Live::start();
        live.run(busy);
        alone.push(live.run(busy).wall);
        let cells = cells(1000 + round);
        beside.push(live.run_before(busy, &cells.iter().map(String::as_str).collect::<Vec<_>>()).wall);
    }
    bench.add(
        Row::ratio("cell on all processors beside what is compiled ahead, to alone", beside, alone).at_most(1.05),
    );
}
