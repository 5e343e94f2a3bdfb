//! Times and durations in printed text: where one begins and ends.
//!
//! Measured values are compared by their form only. Values are read just to see whether they are possible.

/// Kinds of measured values: another run has another value in the same form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Measure {
    /// `Sat Apr 11 11:47:38 2020`
    Ctime,
    /// `2020-04-11 11:47:38`, with `T`, a fraction or an offset if it has one
    Date,
    /// `11:47:38`
    Clock,
    /// `1586598458.123`: seconds since 1970, with a fraction
    Epoch,
    /// `3.99 ms`, `1min 2s`
    Duration,
}

/// The measured value that `text` begins with, and its length. A whole number with a unit (`5 s`) may be anything,
/// so it is a duration only where one is expected.
pub(crate) fn measured(text: &str, duration_expected: bool) -> Option<(Measure, usize)> {
    let found = |kind| move |length| (kind, length);
    if text.starts_with(|c: char| c.is_ascii_uppercase()) {
        return ctime(text).map(found(Measure::Ctime));
    }
    if !text.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    (date(text).map(found(Measure::Date)))
        .or_else(|| clock(text).map(|length| (Measure::Clock, length + fraction(&text[length..]))))
        .or_else(|| duration(text, duration_expected).map(found(Measure::Duration)))
        .or_else(|| epoch(text).map(found(Measure::Epoch)))
}

/// Whether what follows `before` is one of `%%time`'s figures.
pub(crate) fn timing_follows(before: &str) -> bool {
    let line = before.rsplit('\n').next().unwrap_or(before);
    line.ends_with("Wall time: ")
        || line.contains("CPU times: ") && ["user ", "sys: ", "total: "].iter().any(|label| line.ends_with(label))
}

/// `text` without the lines `Compiler : 120 ms` that `%%time` adds when compiling took long, which is chance.
pub(crate) fn without_compile_time(text: &str) -> String {
    text.split_inclusive('\n').filter(|line| !is_compile_time(line)).collect()
}

fn is_compile_time(line: &str) -> bool {
    let figure = line.strip_prefix("Compiler").and_then(|rest| rest.trim_start_matches(' ').strip_prefix(": "));
    figure.is_some_and(|figure| {
        let figure = figure.trim_end();
        duration(figure, true) == Some(figure.len())
    })
}

pub(crate) fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn ctime(text: &str) -> Option<usize> {
    const DAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    const LENGTH: usize = "Sat Apr 11 11:47:38 2020".len();
    let stamp = text.get(..LENGTH)?;
    let (day, month, date, time, year) =
        (stamp.get(..4)?, stamp.get(4..8)?, stamp.get(8..11)?, stamp.get(11..20)?, stamp.get(20..)?);
    let fits = DAYS.contains(&day.strip_suffix(' ')?)
        && MONTHS.contains(&month.strip_suffix(' ')?)
        && (1..=31).contains(&date.trim().parse::<u32>().ok()?)
        && clock(time.strip_suffix(' ')?) == Some(8)
        && digits(year) == 4;
    fits.then_some(LENGTH)
}

fn date(text: &str) -> Option<usize> {
    let day = text.get(..10)?;
    let (month, of_month) = (day.get(5..7)?, day.get(8..)?);
    let fits = digits(day) == 4
        && day.get(4..5)? == "-"
        && (1..=12).contains(&month.parse::<u32>().ok()?)
        && day.get(7..8)? == "-"
        && (1..=31).contains(&of_month.parse::<u32>().ok()?);
    if !fits {
        return None;
    }
    let time = text[10..].strip_prefix([' ', 'T']).and_then(clock);
    let mut end = 10 + time.map_or(0, |length| length + 1);
    end += fraction(&text[end..]);
    let offset = text[end..]
        .strip_prefix(['+', '-'])
        .and_then(|rest| rest.get(..5))
        .is_some_and(|offset| digits(offset) == 2 && offset.get(2..3) == Some(":") && digits(&offset[3..]) == 2);
    end += if time.is_some() && offset { 6 } else { usize::from(text[end..].starts_with('Z')) };
    Some(end)
}

fn clock(text: &str) -> Option<usize> {
    let part = |from: usize, below: u32| {
        let digits = text.get(from..from + 2).filter(|part| digits(part) == 2)?;
        digits.parse::<u32>().ok().filter(|value| *value < below)
    };
    let colons = text.get(2..3)? == ":" && text.get(5..6)? == ":";
    (colons && part(0, 24).is_some() && part(3, 60).is_some() && part(6, 62).is_some()).then_some(8)
}

fn fraction(text: &str) -> usize {
    text.strip_prefix('.').map(digits).filter(|length| *length > 0).map_or(0, |length| length + 1)
}

fn epoch(text: &str) -> Option<usize> {
    let fraction = fraction(&text[digits(text)..]);
    (digits(text) == 10 && text.starts_with('1') && fraction > 0).then_some(10 + fraction)
}

fn duration(text: &str, whole_numbers: bool) -> Option<usize> {
    let mut end = figure(text, whole_numbers)?;
    // `1min 2s`, `1h 2min 3s`: the parts after the first have no fraction.
    while let Some(more) = text[end..].strip_prefix(' ').and_then(|rest| figure(rest, true)) {
        end += 1 + more;
    }
    Some(end)
}

/// One number with its unit.
fn figure(text: &str, whole_number: bool) -> Option<usize> {
    const UNITS: [&str; 16] = [
        "seconds", "second", "secs", "sec", "hours", "hour", "min", "ns", "us", "µs", "μs", "ms", "s", "h", "d",
        "days",
    ];
    let whole = digits(text);
    let mut end = whole + fraction(&text[whole..]);
    if whole == 0 || (end == whole && !whole_number) {
        return None;
    }
    if let Some(exponent) = text[end..].strip_prefix("e+").or_else(|| text[end..].strip_prefix("e-")) {
        end += if digits(exponent) > 0 { 2 + digits(exponent) } else { 0 };
    }
    let space = usize::from(text[end..].starts_with(' '));
    let rest = &text[end + space..];
    let ends = |unit: &&&str| {
        let after = rest.strip_prefix(**unit);
        after.is_some_and(|after| !after.starts_with(|c: char| c.is_ascii_lowercase()))
    };
    UNITS.iter().find(ends).map(|unit| end + space + unit.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<(Measure, &str)>) {
        let got = measured(text, timing_follows("Wall time: ")).map(|(kind, length)| (kind, &text[..length]));
        assert_eq!(got, expected, "{text:?}");
    }

    #[test]
    fn what_is_measured() {
        check("Sat Apr 11 11:47:38 2020\n", Some((Measure::Ctime, "Sat Apr 11 11:47:38 2020")));
        check("Sat Apr  1 01:47:38 2020", Some((Measure::Ctime, "Sat Apr  1 01:47:38 2020")));
        check("Sat Apr 41 11:47:38 2020", None);
        check("Sat Apr 11 11:77:38 2020", None);
        check("2020-04-11T11:47:38.123Z.", Some((Measure::Date, "2020-04-11T11:47:38.123Z")));
        check("2020-04-11 11:47:38+02:00", Some((Measure::Date, "2020-04-11 11:47:38+02:00")));
        check("11:47:38", Some((Measure::Clock, "11:47:38")));
        check("1586598458.25 now", Some((Measure::Epoch, "1586598458.25")));
        check("3.99 ms\n", Some((Measure::Duration, "3.99 ms")));
        check("1 s", Some((Measure::Duration, "1 s")));
        check("1e+03 ms", Some((Measure::Duration, "1e+03 ms")));
        check("1min 2s", Some((Measure::Duration, "1min 2s")));
        check("812 µs", Some((Measure::Duration, "812 µs")));
        check("3 maps", None);
        check("ünï", None);
    }

    #[test]
    fn a_whole_number_is_a_duration_only_where_one_is_expected() {
        assert_eq!(measured("5 s", false), None);
        assert_eq!(measured("5.0 s", false), Some((Measure::Duration, 5)));
        assert!(timing_follows("CPU times: user 1 ms, sys: "));
        assert!(!timing_follows("user "));
    }

    #[test]
    fn compile_times_are_left_out() {
        assert_eq!(without_compile_time("a\nWall time: 1 s\nCompiler : 120 ms\n"), "a\nWall time: 1 s\n");
        assert_eq!(without_compile_time("Compiler : rustc\n"), "Compiler : rustc\n");
    }
}
