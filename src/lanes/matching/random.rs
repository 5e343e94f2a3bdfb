//! Random programs, run twice under two schedulers: what one run printed always matches the other's lanes, and no
//! longer once a line is dropped, changed or moved.

use std::fmt::Write;

use super::match_streams;
use crate::lanes::scripted::run;

/// Knuth's MMIX generator: the tests need the same programs everywhere, not good randomness.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % limit
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// Prints its lane's name and this number.
    Print(usize),
    Spawn(usize),
    Join(usize),
}

/// The steps of each lane; lane 0 is the main thread. A lane is spawned and joined by one with a smaller number.
type Program = Vec<Vec<Step>>;

fn program(random: &mut Random) -> Program {
    let lanes = 1 + random.below(5);
    let mut program: Program = (0..lanes).map(|_| (0..1 + random.below(6)).map(Step::Print).collect()).collect();
    for lane in 1..lanes {
        let parent = random.below(lane);
        let at = random.below(program[parent].len() + 1);
        program[parent].insert(at, Step::Spawn(lane));
        if random.below(2) == 0 {
            let later = at + 1 + random.below(program[parent].len() - at);
            program[parent].insert(later, Step::Join(lane));
        }
    }
    program
}

/// What a scheduler makes of a program.
struct Scheduled {
    /// The run as a script of the script.
    script: String,
    /// The text of the same run with threads numbered from 40 downwards and newlines torn off.
    text: String,
    /// The text's lines if no newline is torn off: the lane, and the number.
    lines: Vec<(usize, usize)>,
}

fn schedule(program: &Program, random: &mut Random, torn: bool) -> Scheduled {
    let mut out = Scheduled { script: String::new(), text: String::new(), lines: Vec::new() };
    let mut next = vec![0; program.len()];
    let mut newline = vec![false; program.len()];
    let mut alive = vec![true];
    alive.resize(program.len(), false);
    loop {
        let ended = |lane: usize| next[lane] == program[lane].len() && !newline[lane];
        let blocked = |lane: usize| {
            matches!(program[lane].get(next[lane]), Some(Step::Join(other)) if !ended(*other)) && !newline[lane]
        };
        let ready: Vec<usize> = (0..program.len()).filter(|l| alive[*l] && !ended(*l) && !blocked(*l)).collect();
        if ready.is_empty() {
            return out;
        }
        let lane = ready[random.below(ready.len())];
        if std::mem::take(&mut newline[lane]) {
            out.text.push('\n');
            continue;
        }
        let step = &program[lane][next[lane]];
        next[lane] += 1;
        match *step {
            Step::Print(number) => {
                let _ = writeln!(out.script, "l{lane}| {} {number}", name(lane, lane));
                out.text += &format!("{} {number}", name(lane, 40 - lane));
                out.lines.push((lane, number));
                newline[lane] = torn;
                out.text += if torn { "" } else { "\n" };
            }
            Step::Spawn(child) => {
                let _ = writeln!(out.script, "spawn l{lane} l{child} Thread-{child}");
                alive[child] = true;
            }
            Step::Join(child) => {
                let _ = writeln!(out.script, "join l{lane} l{child}");
            }
        }
    }
}

fn name(lane: usize, number: usize) -> String {
    if lane == 0 { "MainThread".to_owned() } else { format!("Thread-{number}") }
}

fn text(lines: &[(usize, usize)]) -> String {
    lines.iter().map(|(lane, number)| format!("{} {number}\n", name(*lane, 40 - lane))).collect()
}

/// Scripts call the main thread `main`.
fn script(scheduled: &Scheduled) -> String {
    scheduled.script.replace("l0", "main")
}

fn is_match(script: &str, text: &str) -> bool {
    match_streams(&run(script), [Some(text), Some("")]).is_ok()
}

#[test]
fn every_schedule_of_a_program_matches_every_other() {
    for seed in 0..400 {
        let mut random = Random(seed);
        let program = program(&mut random);
        let ours = script(&schedule(&program, &mut random, false));
        let theirs = schedule(&program, &mut random, true);
        if let Err(mismatch) = match_streams(&run(&ours), [Some(&theirs.text), Some("")]) {
            panic!("seed {seed}: {program:?}\n{ours}\n{}\n{mismatch:#?}", theirs.text);
        }
    }
}

#[test]
fn a_dropped_a_changed_and_a_moved_line_never_match() {
    for seed in 0..400 {
        let mut random = Random(seed);
        let program = program(&mut random);
        let ours = script(&schedule(&program, &mut random, false));
        let lines = schedule(&program, &mut random, false).lines;
        assert!(is_match(&ours, &text(&lines)), "seed {seed}");

        let at = random.below(lines.len());
        let mut dropped = lines.clone();
        dropped.remove(at);
        assert!(!is_match(&ours, &text(&dropped)), "seed {seed}: dropped line {at}\n{ours}");

        let mut changed = lines.clone();
        changed[at].1 += 100;
        assert!(!is_match(&ours, &text(&changed)), "seed {seed}: changed line {at}\n{ours}");

        // The next line of the same lane comes before this one.
        if let Some(later) = (at + 1..lines.len()).find(|later| lines[*later].0 == lines[at].0) {
            let mut moved = lines.clone();
            moved.swap(at, later);
            assert!(!is_match(&ours, &text(&moved)), "seed {seed}: swapped {at} and {later}\n{ours}");
        }
    }
}

/// Tasks that all run at once, each on a worker of its own, and how a text calls those workers.
struct Tasks {
    script: String,
    text: String,
    /// Where the output of each task begins and ends in the text, without and with its last newline.
    spans: Vec<[usize; 3]>,
}

fn tasks(labels: &[usize], random: &mut Random) -> Tasks {
    let steps: Vec<usize> = labels.iter().map(|_| 1 + random.below(3)).collect();
    let mut out =
        Tasks { script: String::new(), text: String::new(), spans: vec![[usize::MAX, 0, 0]; labels.len()] };
    for (task, count) in steps.iter().enumerate() {
        let worker = format!("ThreadPoolExecutor-0_{task}");
        let _ = writeln!(out.script, "submit main t{task} f\nspawn main w{task} {worker}\nstart t{task} w{task}");
        let _ = writeln!(out.script, "t{task}| {worker} task {task} step {{0..{count}}}");
    }
    let mut left: Vec<usize> = steps.iter().map(|count| count * 2).collect();
    // Mostly the same task as before, so that some do not overlap.
    let mut task = 0;
    while left.iter().any(|atoms| *atoms > 0) {
        if left[task] == 0 || random.below(5) == 0 {
            task = random.below(labels.len());
            continue;
        }
        out.spans[task][0] = out.spans[task][0].min(out.text.len());
        let step = steps[task] - left[task].div_ceil(2);
        match left[task] % 2 {
            0 => out.text += &format!("ThreadPoolExecutor-7_{} task {task} step {step}", labels[task]),
            _ => out.text.push('\n'),
        }
        left[task] -= 1;
        out.spans[task][if left[task] == 0 { 2 } else { 1 }] = out.text.len();
    }
    out
}

#[test]
fn tasks_match_if_and_only_if_those_of_one_worker_do_not_overlap() {
    let mut both = [0, 0];
    for seed in 0..600 {
        let mut random = Random(seed);
        let labels: Vec<usize> = (0..2 + random.below(3)).map(|_| random.below(4)).collect();
        let Tasks { script, text, spans } = tasks(&labels, &mut random);
        let overlap = |one: usize, other: usize, end: usize| {
            spans[one][0] < spans[other][end] && spans[other][0] < spans[one][end]
        };
        let clash = |end| (0..labels.len()).any(|a| (0..a).any(|b| labels[a] == labels[b] && overlap(a, b, end)));
        // Whose newline it is that came late cannot be told, so where only newlines clash both answers are right.
        if clash(1) == clash(2) {
            assert_eq!(is_match(&script, &text), !clash(1), "seed {seed}: {labels:?}\n{text}");
            both[usize::from(clash(1))] += 1;
        }
    }
    assert!(both.iter().all(|count| *count > 50), "{both:?}");
}
