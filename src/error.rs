//! Errors of our own: what stops Threadbook itself from doing its job. A bad cell is an `Outcome`, never an `Error`.

use std::path::PathBuf;
