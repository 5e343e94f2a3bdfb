//! Tests of the log that `THREADBOOK_LOG` asks for.

use super::*;

#[test]
fn the_log_says_which_steps_and_commands_took_how_long() {
    let bench = Bench::with_cells(&[("println!(\"out {}\", std::process::id())", &[])]);
    let cache = bench.path("cache");
    let logged = |level: &str| {
        let mut command = bench.command(&["run", "nb.ipynb", "-o", "-", "-q"]);
        let output = command.env("THREADBOOK_CACHE", &cache).env("THREADBOOK_LOG", level).output();
        let output = output.expect("the binary starts");
        let err = String::from_utf8(output.stderr).expect("text");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"), err)
    };
    let (code, out, err) = logged("debug");
    assert_eq!(code, Some(0), "{err}");
    for part in
        ["compile cell=In[1]: took ", "run cell=In[1]: took ", "cell id=In[1]: took ", " ms\n", "--crate-name="]
    {
        assert!(err.contains(part), "{part}: {err}");
    }
    assert!(out.contains("out ") && !out.contains("took"), "{out}");
    let (_, _, err) = logged("info");
    assert!(err.contains("compile cell=In[1]: took ") && !err.contains("--crate-name="), "{err}");
    assert_eq!(logged("off").2, "");
    let (code, _, err) = logged("loud");
    assert_eq!(code, Some(2));
    let message =
        "error: the variable THREADBOOK_LOG is \"loud\", which is no level; use off, warn, info or debug\n";
    assert_eq!(err, message);
}
