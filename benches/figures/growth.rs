//! What cells cost in a session that has grown: items, statements, a function defined again, cached cells.

use crate::bench::Bench;
use crate::live::Live;
use crate::record::{Row, median};

/// Numbers of groups of items after which a session is looked at.
const SIZES: [usize; 5] = [10, 60, 100, 200, 300];
/// Samples of a figure: of the cells around a size, of statements at a size.
const NEIGHBOURS: usize = 5;
const CALLERS: usize = 50;
const EDITS: usize = 100;
const ITEM_AT_MOST: f64 = 1.3;
const STATEMENT_AT_MOST: f64 = 1.1;
const CACHED_AT_MOST: f64 = 1.2;
const REDEFINITION_AT_MOST: f64 = 0.5;

pub(crate) fn measure(bench: &mut Bench) {
    let sizes = if bench.quick { &SIZES[..2] } else { &SIZES[..] };
    items(bench, "independent", sizes, independent);
    items(bench, "chained", sizes, chained);
    redefinition(bench, *sizes.last().expect("sizes"));
    edits(bench);
    cached(bench);
}

/// The `n`th group of items of a session. `letter` tells its names from those of other sessions, which share the cache;
/// `also` is a further expression of its function.
fn group(letter: char, n: usize, also: &str) -> String {
    let n = format!("{letter}{n}");
    format!(
        "#[derive(Debug, Clone, PartialEq)]\nstruct Item{n} {{\n    name: String,\n    size: u64,\n}}\n\n\
         impl Item{n} {{\n    fn grown(&self, by: u64) -> Item{n} {{\n        Item{n} {{ name: self.name.clone(), size: self.size + by }}\n    }}\n}}\n\n\
         fn make{n}(size: u64) -> Item{n} {{\n    Item{n} {{ name: format!(\"item {{size}}\"), size: size{also} }}\n}}"
    )
}

fn independent(n: usize) -> String {
    group('i', n, "")
}

fn chained(n: usize) -> String {
    group('c', n, &n.checked_sub(1).map(|before| format!(" + makec{before}(1).size")).unwrap_or_default())
}

fn items(bench: &mut Bench, kind: &str, sizes: &[usize], text: fn(usize) -> String) {
    let letter = &kind[..1];
    let mut live = Live::start();
    let mut figures: [Vec<Vec<f64>>; 3] = Default::default();
    let mut defined = 0;
    for &size in sizes {
        let mut seconds = Vec::new();
        while defined < size + NEIGHBOURS / 2 {
            seconds.push(bench.answer(live.run(&text(defined))));
            defined += 1;
        }
        let neighbours = seconds.split_off(seconds.len() - NEIGHBOURS);
        bench.add(Row::new(format!("{kind} item cell at {size} groups"), "s", neighbours.clone()));
        figures[0].push(neighbours);
        for (figure, (what, named)) in [("newest", defined - 1), ("first", 0)].into_iter().enumerate() {
            let statement = |k| {
                format!(
                    "let {what}{size}x{k} = make{letter}{named}({k}).grown(2);\nprintln!(\"{{{what}{size}x{k}:?}}\");"
                )
            };
            let seconds: Vec<f64> = (0..NEIGHBOURS).map(|k| bench.answer(live.run(&statement(k)))).collect();
            bench.add(Row::new(
                format!("statement that uses the {what} {kind} item at {size} groups"),
                "s",
                seconds.clone(),
            ));
            figures[1 + figure].push(seconds);
        }
    }
    let bars = [
        ("item cell", ITEM_AT_MOST),
        ("statement, newest item", STATEMENT_AT_MOST),
        ("statement, first item", STATEMENT_AT_MOST),
    ];
    for ((what, bar), figure) in bars.into_iter().zip(&mut figures) {
        let late = figure.pop().expect("sizes");
        let row = Row::ratio(format!("{kind}: {what}, last size against first"), late, figure.swap_remove(0));
        bench.add(row.at_most(bar));
    }
}

/// A function is defined early, and its callers are spread over the session.
fn redefinition(bench: &mut Bench, groups: usize) {
    let mut live = Live::start();
    let hub = |n: u64| format!("fn hub(x: u64) -> u64 {{\n    x + {n}\n}}");
    live.run(&hub(0));
    let callers = CALLERS.min(groups);
    for n in 0..groups {
        let calls = n < callers * (groups / callers) && n % (groups / callers) == 0;
        live.run(&group('h', n, if calls { " + hub(1)" } else { "" }));
    }
    let again = (1..=NEIGHBOURS as u64).map(|n| bench.answer(live.run(&hub(n)))).collect();
    live.said();
    live.run("println!(\"{}\", makeh0(1).size);");
    assert_eq!(live.said().out, format!("{}\n", 2 + NEIGHBOURS), "the new function is the one that is called");
    let figure = format!("a function with {callers} callers, defined again at {groups} groups");
    bench.add(Row::new(figure, "s", again).at_most(REDEFINITION_AT_MOST));
}

/// One function is edited and run, again and again.
fn edits(bench: &mut Bench) {
    let mut live = Live::start();
    let mut edit = |n: usize| {
        let source = format!(
            "fn step(x: u64) -> u64 {{\n    let mut y = x;\n    for i in 0..{n} {{\n        y += i;\n    }}\n    y\n}}"
        );
        bench.answer(live.run(&source)) + bench.answer(live.run(&format!("println!(\"{{}}\", step({n}));")))
    };
    let seconds: Vec<f64> = (0..EDITS).map(|n| edit(n + 2)).collect();
    for (at, part) in [(NEIGHBOURS, &seconds[..NEIGHBOURS]), (EDITS, &seconds[EDITS - NEIGHBOURS..])] {
        bench.add(Row::new(format!("a function edited and run at {at} edits"), "s", part.to_vec()));
    }
    let (early, late) = (seconds[..NEIGHBOURS].to_vec(), seconds[EDITS - NEIGHBOURS..].to_vec());
    bench.add(Row::ratio(format!("edit {EDITS} against the first"), late, early).at_most(ITEM_AT_MOST));
}

fn cached(bench: &mut Bench) {
    let (early, late) = if bench.quick { (100, 1_000) } else { (100, 10_000) };
    let mut live = Live::start();
    live.run("let mut n = 0;");
    let mut samples = |cells: usize| -> Vec<f64> {
        let seconds: Vec<f64> = (0..cells).map(|_| bench.answer(live.run("n += 1;"))).collect();
        seconds[cells - early / 2..].to_vec()
    };
    let (first, last) = (samples(early), samples(late - early));
    for (at, samples) in [(early, &first), (late, &last)] {
        bench.add(Row::new(format!("cached cell at {at} cells"), "s", vec![median(samples)]));
    }
    bench.add(Row::ratio(format!("cached cell at {late} against {early}"), last, first).at_most(CACHED_AT_MOST));
}
