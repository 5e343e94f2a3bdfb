//! What LLVM makes of a cell's code at level 2: checks for an interrupt must not keep it from what it does without them. Read
//! off its intermediate representation, since times depend on the machine.

use std::path::Path;
use std::process::Command;

fn rustc(directory: &Path, arguments: &[&str], source: &Path) {
    let mut command = Command::new("rustc");
    command.current_dir(directory).args(["--edition=2024", "-Awarnings", "-Ccodegen-units=1"]);
    let output = command.args(arguments).arg(source).output().expect("rustc runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Compiles the body of a cell against the runtime that cells link to. Returns the LLVM IR.
fn llvm_ir(body: &str) -> String {
    let directory = tempfile::tempdir().expect("a scratch directory");
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("runtime/src/lib.rs");
    rustc(directory.path(), &["--crate-name=threadbook", "--crate-type=rlib", "-Copt-level=3"], &runtime);
    let source = directory.path().join("cell.rs");
    let code = format!(
        "#[macro_use] extern crate threadbook;
         #[unsafe(no_mangle)] pub fn cell() {{ {body} }}"
    );
    std::fs::write(&source, code).expect("written");
    let level = ["--crate-type=lib", "--emit=llvm-ir=cell.ll", "-Copt-level=2", "-Coverflow-checks=on"];
    rustc(directory.path(), &[&level[..], &["--extern=threadbook=libthreadbook.rlib"]].concat(), &source);
    std::fs::read_to_string(directory.path().join("cell.ll")).expect("the IR")
}

/// What LLVM knows of a variable before a check, it knows after it.
#[test]
fn a_loop_over_a_vector_of_known_length_is_unrolled_after_a_check() {
    let ir = llvm_ir(
        "let by = 3u64;
         let steps: Vec<Box<dyn Fn(u64) -> u64>> = vec![
             Box::new(move |x| x.wrapping_mul(by)), Box::new(|x| x ^ (x >> 7)), Box::new(|x| x.rotate_left(5)),
         ];
         threadbook::interrupt::check();
         let mut state = 1;
         range_strips! { by_time for _ in 0..1_000_000; { for step in &steps { state = step(state); } } }
         println!(\"{state}\");
         threadbook::store::put(\"steps\", &mut Some(steps));",
    );
    let through_pointers = ir.lines().filter(|line| line.contains(" invoke noundef i64 %"));
    assert_eq!(through_pointers.count(), 3, "one for each step:\n{ir}");
}

#[test]
fn the_variables_of_a_while_loop_stay_in_registers() {
    let ir = llvm_ir(
        "let (mut low, mut steps) = (0.0f64, 0u64);
         threadbook::interrupt::check();
         { let mut turns = threadbook::strips::Turns::new(threadbook::strips::Pace::brief());
           loop { turns.begin(); while turns.another() && low < 30_000_000.0 { low += 0.25; steps += 1; }
                  if !turns.goes_on() { break; } } }
         println!(\"{low} {steps}\");",
    );
    let turn = ir.split("\n\n").find(|block| block.contains("= fadd double")).expect("the body of the loop");
    assert!(!turn.contains("store ") && !turn.contains("load "), "{turn}");
}
