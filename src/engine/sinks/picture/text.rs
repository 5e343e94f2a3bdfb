//! Draws the picture in characters, for terminals and for front ends without SVG. Decides nothing about what is
//! shown.

use std::time::Duration;

use super::layout::Picture;

const COLUMNS: usize = 60;

pub(super) fn draw(picture: &Picture) -> String {
    let whole = (picture.ended - picture.began).as_secs_f64();
    let column = |at: Duration| {
        let share = at.saturating_sub(picture.began).as_secs_f64() / whole;
        ((share * (COLUMNS - 1) as f64).round() as usize).min(COLUMNS - 1)
    };
    let widest = picture.rows.iter().map(|row| row.life.name.chars().count()).max().unwrap_or(0).min(40);
    let mut text = format!("{}\n", picture.title);
    for row in &picture.rows {
        let mut line = [' '; COLUMNS];
        line[column(row.from)..=column(row.to)].fill('\u{2500}');
        for (_, from, to) in &row.tasks {
            line[column(*from)..=column(*to)].fill('\u{2501}');
        }
        for (_, from, to) in &row.waits {
            line[column(*from)..=column(*to)].fill('\u{2504}');
        }
        for mark in &row.marks {
            line[column(mark.at)] = '\u{25cf}';
        }
        // A name may contain any character, but it must not move a terminal's cursor or break the line.
        let name = row.life.name.chars().map(|c| if c.is_control() { ' ' } else { c });
        let name: String = name.take(widest).collect();
        let line: String = line.iter().collect();
        text += &format!("{name:widest$} \u{2502}{}\n", line.trim_end());
    }
    text + "\u{2500} alive  \u{2501} runs a task  \u{2504} waits for a lock  \u{25cf} prints\n"
}
