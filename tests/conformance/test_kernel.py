"""Jupyter's own kernel test suite, with every sample that this kernel supports."""

import unittest

import jupyter_kernel_test as jkt


class ThreadbookTests(jkt.KernelTests):
    kernel_name = "threadbook"
    language_name = "rust"
    file_extension = ".rs"

    code_hello_world = 'println!("hello, world");'
    code_stderr = 'eprintln!("oops");'
    completion_samples = [
        {"text": "printl", "matches": {"println!"}},
        {"text": "let x = whi", "matches": {"while"}},
        {"text": "\N{CRAB} whi", "matches": {"while"}},
        {"text": "%%ti", "matches": {"%%time", "%%timeit"}},
        {"text": ":de", "matches": {":dep"}},
    ]
    complete_code_samples = ["let x = 1;", "fn f() { 1 }", "", "1 + 1", "%%time\nlet y = 2;", ":vars"]
    incomplete_code_samples = ["fn f() {", 'let s = "abc', "let x = (1,", "/* ", "for i in 0..3 {\n    println!("]
    invalid_code_samples = ["}", "let x = (1];", "fn fn f() {}"]
    code_page_something = "%%time?"
    code_generate_error = "let x: i32 = \"text\";\nlet y: u8 = 'c';"
    code_execute_result = [
        {"code": "1 + 2", "result": "3"},
        {"code": '"ab".len() * 2', "result": "4"},
        {"code": "vec![1, 2].iter().sum::<i32>()", "result": "3"},
        {"code": "1 + 2 + 4", "result": "7"},
    ]
    code_history_pattern = "1?+*2"
    supported_history_operations = ("tail", "range", "search")
    code_inspect_sample = "%%time"
    code_display_data = [
        {"code": 'threadbook::display::html("<b>bold</b>");', "mime": "text/html"},
        {"code": 'threadbook::display::svg("<svg/>");', "mime": "image/svg+xml"},
    ]
    code_clear_output = "threadbook::display::clear_output(false);"


class ThreadbookWelcomeTests(jkt.IopubWelcomeTests):
    kernel_name = "threadbook"
    support_iopub_welcome = True


# The bases bring samples of their own kernel, which is not there.
def load_tests(loader, _tests, _pattern):
    cases = (ThreadbookTests, ThreadbookWelcomeTests)
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in cases)


if __name__ == "__main__":
    unittest.main()
