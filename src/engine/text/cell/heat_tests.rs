//! Cells as people write them, and whether they are hot.

use super::{Called, Heat, of_statements};

fn heat(source: &str) -> Heat {
    let block: syn::Block = syn::parse_str(&format!("{{{source}}}")).expect("Rust");
    of_statements(&block.stmts)
}

/// Whether a cell is hot if all variables of earlier cells are large, and if they are small.
fn is_hot(source: &str) -> (bool, bool) {
    let heat = heat(source);
    (heat.hot || !heat.sizes.is_empty(), heat.hot)
}

const COLD: &[&str] = &[
    // Straight lines.
    "let x = 5; let y = x * 2; println!(\"{x} {y}\");",
    "let name = String::from(\"Ada\"); println!(\"Hello, {}!\", name);",
    "let point = Point { x: 1.0, y: 2.0 }; point.distance(&origin)",
    "fib(38)",
    "let t = (1, \"a\", 2.5); let (a, b, c) = t; dbg!(a, b, c);",
    "let v = vec![3, 1, 2]; let n = v.len(); v[0] + n",
    "if x > 3 { println!(\"more\") } else { println!(\"less\") }",
    "let answer = match shape { Shape::Circle(r) => 3.14 * r * r, Shape::Square(s) => s * s };",
    "let opt: Option<i32> = Some(4); opt.map(|x| x + 1).unwrap_or(0)",
    "let n: i32 = \"42\".parse()?; n + 1",
    "let text = std::fs::read_to_string(\"data.csv\")?; text.len()",
    "simulate(1_000_000);",
    // Small by literals.
    "let mut v = vec![3, 1, 2]; v.sort(); v",
    "let v = vec![1, 2, 3]; v.iter().map(|x| x * 2).collect::<Vec<_>>()",
    "let names = [\"a\", \"b\"]; for name in names.iter() { total += name.len(); }",
    "let words: Vec<&str> = \"the quick brown fox\".split_whitespace().collect(); words.len()",
    "let sum: i32 = (1..=100).sum();",
    "let squares: Vec<u64> = (1..=20).map(|n| n * n).filter(|n| n % 2 == 0).collect();",
    "for i in 1..=100 { match (i % 3, i % 5) { (0, 0) => println!(\"FizzBuzz\"), _ => println!(\"{i}\") } }",
    "let mut map = HashMap::new(); for w in \"a b a\".split(' ') { *map.entry(w).or_insert(0) += 1; } map",
    "let salaries = vec![50_000, 62_000, 1_200_000]; salaries.iter().sum::<i32>() / 3",
    "for i in 0..10 { for j in 0..10 { grid[i][j] = i * j; } }",
    "let n = 12; let f: u64 = (1..=n).product();",
    "let mut i = 0; while i < 10 { i += 1; }",
    "let mut n = 27; let mut steps = 0; while n != 1 { n = if n % 2 == 0 { n / 2 } else { 3 * n + 1 }; steps += 1; }",
    "let mut count = 0; let r = loop { count += 1; if count == 10 { break count * 2; } };",
    "let mut n = 12_345; let mut digits = 0; while n > 0 { digits += n % 10; n /= 10; }",
    "let mut stack = vec![1, 2, 3]; while let Some(top) = stack.pop() { sum += top; }",
    "let m = [[1, 2], [3, 4]]; let t: i32 = m.iter().map(|row| row.iter().sum::<i32>()).sum();",
    "let s = \"hello\"; let r: String = s.chars().rev().collect(); r",
    "let mut x = 2.0_f64; while (x * x - 2.0).abs() > 1e-12 { x = (x + 2.0 / x) / 2.0; }",
    "let v: Vec<i32> = (0..1000).collect(); v.iter().max()",
    "let mut v = Vec::new(); for i in 0..100 { v.push(i); } v.sort(); v.len()",
    "let buffer = vec![0u8; 4096]; buffer.len()",
    "let add = |a, b| a + b; println!(\"{}\", add(1, 2));",
    "let counter = { let mut c = 0; move || { c += 1; c } };",
    "let v: Vec<_> = std::iter::repeat(0).take(5).collect();",
    "let s = \"ab\".repeat(10); s.len()",
    "let mut a = [5, 3, 8]; for i in 0..a.len() { for j in 0..a.len() - 1 { if a[j] > a[j + 1] { a.swap(j, j + 1); } } }",
    // Time is spent elsewhere.
    "loop { println!(\"x\"); if done() { break; } }",
    "for received in rx { println!(\"got {received}\"); }",
    "let handles: Vec<_> = (0..4).map(|i| thread::spawn(move || { println!(\"{i}\"); thread::sleep(D); })).collect();",
    "let h = thread::spawn(move || { for i in 0..10 { tx.send(i).unwrap(); thread::sleep(D); } }); h.join().unwrap();",
    "for handle in handles { handle.join().unwrap(); }",
    "let counter = Arc::new(Mutex::new(0)); let mut hs = vec![]; for _ in 0..8 { let c = Arc::clone(&counter); \
     hs.push(thread::spawn(move || { for _ in 0..1000 { *c.lock().unwrap() += 1; } })); }",
    "while let Ok(message) = rx.recv() { println!(\"{message}\"); }",
    "let (tx, rx) = mpsc::channel(); for id in 0..3 { let tx = tx.clone(); thread::spawn(move || tx.send(id).unwrap()); }",
    "thread::scope(|s| { s.spawn(|| println!(\"one\")); s.spawn(|| println!(\"two\")); });",
    "while flag.load(Ordering::Relaxed) { thread::yield_now(); }",
];

const HOT: &[&str] = &[
    // Loops.
    "for i in 0..200_000_000u64 { s = s.wrapping_add(i ^ (i >> 3)); }",
    "let n = 50_000_000; let mut s = 0; for i in 0..n { s += i; }",
    "for i in 0..3000 { for j in 0..3000 { s += i * j; } }",
    "let mut i = 0_u64; while i < 100_000_000 { i += 1; s += i; }",
    "let mut x = 1_u64; loop { x = x * 31 % 1_000_003; if x == 7 { break; } }",
    "for i in 0..10_000_000 { if i % 1_000_000 == 0 { println!(\"{i}\"); } s += work(i); }",
    "for _ in 0..1000 { for i in 0..n { v[i] += 1; } }",
    "let mut sieve = vec![true; 5_000_001]; for i in 2..2237 { if sieve[i] { for j in (i * i..=5_000_000).step_by(i) { sieve[j] = false; } } }",
    "let a = vec![vec![1.0; 300]; 300]; for i in 0..300 { for j in 0..300 { for k in 0..300 { c[i][j] += a[i][k] * b[k][j]; } } }",
    "while !queue.is_empty() { let x = queue.remove(0); visit(x); }",
    // Iterators, sorts and collections.
    "let s: u64 = (0..100_000_000u64).sum();",
    "(1..3_000_000u64).map(|n| collatz(n)).max()",
    "let mut v: Vec<u64> = (0..5_000_000).map(|i| i * 7919 % 1_000_003).collect(); v.sort();",
    "let mut v = Vec::new(); for i in 0..2_000_000 { v.push(i * 7 % 13); } v.sort_by(|a, b| b.cmp(a));",
    "let big = vec![0; 10_000_000];",
    "let points: Vec<Point> = (0..1_000_000).map(|i| Point { x: i as f64, y: 0.0 }).collect();",
    "let text = \"lorem ipsum \".repeat(500_000); text.split_whitespace().filter(|w| w.len() > 3).count()",
    "let mut m = HashMap::new(); for i in 0..3_000_000u64 { *m.entry(i % 1000).or_insert(0) += i; }",
    "std::iter::successors(Some(1u64), |x| Some(x + 1)).find(|x| x * x > 1_000_000_000)",
    "let primes = (2..200_000u64).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count();",
    "let text = std::fs::read_to_string(\"big.txt\")?; text.lines().map(|l| l.len()).max()",
    // Recursion, closures and threads.
    "fn fib(n: u64) -> u64 { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } } { fn ack(m: u64) -> u64 { ack(m - 1) } ack(3) }",
    "let f = |n: u64| (0..n).map(|x| x * x).sum::<u64>(); f(100_000_000)",
    "let hs: Vec<_> = (0..4).map(|t| thread::spawn(move || { let mut s = 0; for i in 0..50_000_000u64 { s += i ^ t; } s })).collect();",
    "let f = |x: f64| x.sin() * x; let area: f64 = (0..10_000_000).map(|i| f(i as f64 * 1e-7)).sum();",
];

/// Cells that are hot only if variables of earlier cells are not small.
const UNLESS_SMALL: &[&str] = &[
    "for i in 0..n { s += i; }",
    "for x in &data { total += x; }",
    "data.iter().map(|x| x * 2).collect::<Vec<_>>()",
    "let mean = data.iter().sum::<f64>() / data.len() as f64;",
    "words.sort();",
    "let mut counts = HashMap::new(); for w in text.split_whitespace() { *counts.entry(w).or_insert(0) += 1; }",
    "people.iter().filter(|p| p.age > 30).map(|p| p.name.clone()).collect::<Vec<_>>()",
    "text.chars().filter(|c| c.is_alphabetic()).count()",
    "let v = vec![0; n];",
    "while let Some(x) = stack.pop() { s += x; }",
    "a.iter().zip(b.iter()).map(|(x, y)| x * y).sum::<f64>()",
    "println!(\"{}\", data.iter().max().unwrap());",
];

#[test]
fn cells_are_hot_where_their_own_code_may_run_for_long() {
    let mut wrong = Vec::new();
    wrong.extend(COLD.iter().filter(|source| is_hot(source).1).map(|source| format!("hot: {source}")));
    wrong.extend(
        HOT.iter().filter(|source| !is_hot(source).1 && !is_hot(source).0).map(|source| format!("cold: {source}")),
    );
    wrong.extend(
        UNLESS_SMALL
            .iter()
            .filter(|source| is_hot(source) != (true, false))
            .map(|s| format!("unless small {:?}: {s}", is_hot(s))),
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_cell_tells_which_variables_are_small() {
    let after =
        heat("let small = vec![1, 2]; let large = vec![1; 1_000_000]; let made = load(); let both = data.len();")
            .after;
    assert_eq!(after["small"], Some([].into()));
    assert_eq!((&after["large"], &after["made"]), (&None, &None));
    assert_eq!(after["both"], Some(["data".to_string()].into()));
    let after = heat("for i in 0..1_000_000 { v.push(i); } w.push(1); fill(&mut x);").after;
    assert_eq!((&after["v"], &after["x"]), (&None, &None));
    assert_eq!(after["w"], Some(["w".to_string()].into()));
}

#[test]
fn calls_are_noted_with_what_they_are_given() {
    let calls =
        heat("largest(&[1, 2]); median(&data); total(&vec![0; 1_000_000]); (0..80).map(|_| grow(16)).count();")
            .calls;
    assert_eq!(calls["largest"], Called { few: Some([].into()), often: false });
    assert_eq!(calls["median"].few, Some(["data".to_string()].into()));
    assert_eq!(calls["total"].few, None);
    assert!(calls["grow"].often);
}
