//! A run's figures: rows of a CSV file that begins with the date and the machine.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

const COLUMNS: &str = "group,figure,unit,at most,value,samples,against";

/// One figure. With `against` it is the ratio of the two medians, and has no unit.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) group: String,
    pub(crate) figure: String,
    pub(crate) unit: String,
    /// The promise. `None` if the figure is only recorded.
    pub(crate) at_most: Option<f64>,
    pub(crate) samples: Vec<f64>,
    pub(crate) against: Vec<f64>,
}

impl Row {
    pub(crate) fn new(figure: impl Into<String>, unit: &str, samples: Vec<f64>) -> Row {
        Row { figure: figure.into(), unit: unit.into(), samples, ..Row::default() }
    }

    /// The ratio of some samples to others of the same unit.
    pub(crate) fn ratio(figure: impl Into<String>, samples: Vec<f64>, against: Vec<f64>) -> Row {
        Row { figure: figure.into(), samples, against, ..Row::default() }
    }

    pub(crate) fn at_most(self, bar: f64) -> Row {
        Row { at_most: Some(bar), ..self }
    }

    pub(crate) fn value(&self) -> f64 {
        let value = median(&self.samples);
        if self.against.is_empty() { value } else { value / median(&self.against) }
    }

    fn line(&self) -> String {
        let list =
            |samples: &[f64]| samples.iter().map(|sample| format!("{sample:.7}")).collect::<Vec<_>>().join(" ");
        let bar = self.at_most.map(|bar| bar.to_string()).unwrap_or_default();
        let (samples, against) = (list(&self.samples), list(&self.against));
        let Row { group, figure, unit, .. } = self;
        format!("{group},\"{figure}\",{unit},{bar},{:.4},{samples},{against}", self.value())
    }

    fn parse(line: &str) -> Option<Row> {
        let (group, rest) = line.split_once(",\"")?;
        let (figure, rest) = rest.split_once("\",")?;
        let [unit, bar, _, samples, against] = rest.split(',').collect::<Vec<_>>().try_into().ok()?;
        let list = |text: &str| text.split(' ').filter_map(|sample| sample.parse().ok()).collect();
        Some(Row {
            group: group.into(),
            figure: figure.into(),
            unit: unit.into(),
            at_most: bar.parse().ok(),
            samples: list(samples),
            against: list(against),
        })
    }
}

pub(crate) fn median(samples: &[f64]) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The file of a run. Each row is written when it is there, so a run that is stopped leaves what it has.
pub(crate) struct Record {
    file: File,
}

impl Record {
    pub(crate) fn create(path: &Path, clock: &str) -> Record {
        let mut file = File::create(path).expect("the target directory can be written");
        writeln!(file, "# {}, {clock}\n{COLUMNS}", surroundings()).expect("written");
        Record { file }
    }

    pub(crate) fn add(&mut self, row: &Row) {
        writeln!(self.file, "{}", row.line()).expect("written");
        let bar = row.at_most.map(|bar| format!("  (at most {bar})")).unwrap_or_default();
        println!("{:8} {:72} {:10.4} {}{bar}", row.group, row.figure, row.value(), row.unit);
    }
}

/// The first line of a record, without its mark, and the rows.
pub(crate) fn read(path: &Path) -> (String, Vec<Row>) {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let about = text.lines().next().unwrap_or_default().trim_start_matches("# ").to_string();
    (about, text.lines().filter(|line| !line.starts_with('#')).filter_map(Row::parse).collect())
}

/// Date, machine, rustc, commit and load.
fn surroundings() -> String {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string()).unwrap_or_default()
    };
    let now = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model =
        processors.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("\t: unknown processor");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    format!(
        "{}, {} with {cores} cores, {}, commit {}, load average {}",
        &now[..10],
        model.trim_start_matches(['\t', ':', ' ']).split_whitespace().collect::<Vec<_>>().join(" "),
        said("rustc", &["--version"]),
        said("git", &["rev-parse", "--short", "HEAD"]),
        load.split(' ').next().unwrap_or_default(),
    )
}
