//! The list of magics and commands, one line each: what `:help`, `%lsmagic`, `%name?` and completion show.

/// Each line starts with the magic as it is spelt.
pub(super) const HELP: &str = "\
%%time [--wall]          times the cell: CPU times, wall time, and the compiler's over 0.1 s
%time STATEMENT          times one statement
%%timeit [-n N] [-r R] [-p P] [-q] [-o] [SETUP]  measures the cell, optimised, in many loops; its first line is setup
%timeit [-n N] [-r R] [-p P] [-q] [-o] CODE      measures one line
%%threads                draws the threads, tasks and processes of the cell over time
%threads                 draws those of the cell before
%%capture [--no-stdout] [--no-stderr] [--no-display] [NAME]  keeps what the cell puts out, in a variable or nowhere
%%bash [ARGS]            runs the cell as a bash script
%%sh [ARGS]              runs the cell as a shell script
%%python [ARGS]          runs the cell with python3
%%python3 [ARGS]         the same
%%script PROGRAM [ARGS]  runs a program with the cell as its input
%%writefile [-a] FILE    writes the cell to a file; -a appends
%run FILE.rs             runs the text of a file as the cell
%load [-r LINES] FILE    puts the text of a file in the place of the cell; LINES such as 3-5,9
%rerun [N[-M]]           runs earlier cells again, or the last
%recall [N[-M]]          puts the text of earlier cells, or of the last, in the next cell
!COMMAND                 runs a shell command; at the start of a cell
%cd [DIRECTORY]          changes the session's directory
%pwd                     prints the session's directory
%env [NAME[=VALUE]]      prints or sets environment variables
%who                     the names of the variables
%whos                    the variables in a table, with their types
%reset [-f] [NAME…]      forgets these variables, or all
%rollback                makes the variables what they were before the last cell
%restart                 ends the worker and begins with a new one, with nothing defined
%history [-n]            the cells of this session; -n numbers them
%lsmagic                 the names of all magics
%config time=full|wall   what %%time and %time print
:dep [CRATE]             brings in a crate, as in a manifest: :dep rand = { version = \"0.9\", features = [\"log\"] }
:opt [0|1|2|3|auto]      optimisation of the cells that follow; auto: 0, and 2 for code that loops for long
:vars                    the variables of the session, with their types
:type EXPRESSION         the type of an expression, which is not run
:env NAME=VALUE          sets an environment variable
:timing                  times each cell, or no longer
:clear                   forgets all variables, items and imports
:version                 the version of threadbook
:help                    this list
";

/// Every magic and command as it is spelt, and its line of help.
pub(crate) fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    HELP.lines().filter_map(|line| Some((line.split([' ', '[']).next()?, line)))
}
