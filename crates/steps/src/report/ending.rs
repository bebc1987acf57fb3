//! The end of a run's output, which a person sees without scrolling.

use super::{Report, Status, StepReport, text};

/// The lines of the end: what a small terminal shows.
pub const ENDING_LINES: usize = 15;

impl Report {
    /// The causes of each failed step, the command that repeats them and the path of its log; then the
    /// counts. At most [`ENDING_LINES`]: the first causes of each step go before the further ones.
    pub fn ending(&self) -> String {
        let failed: Vec<_> = self.with(Status::Failed).collect();
        // The last line has the counts; each step has a heading, and those without room share a line.
        let room = ENDING_LINES - 1;
        let (shown, rest) = failed.split_at(if failed.len() > room { room - 1 } else { failed.len() });
        let room = room - shown.len() - usize::from(!rest.is_empty());
        let needs: Vec<_> = shown.iter().map(|step| lines(step, step.causes.len()).len()).collect();
        let mut output = String::new();
        for (step, share) in shown.iter().zip(share(&needs, room)) {
            let (count, lines) = fitting(step, share);
            output += &format!("{}\n", heading(step, count));
            lines.iter().for_each(|line| output += &format!("{line}\n"));
        }
        if !rest.is_empty() {
            let names = text::names(rest.iter().copied());
            output += &format!("and {} more failed: {names}\n", rest.len());
        }
        output + &self.counts() + "\n"
    }
}

/// `── clippy failed, 3 of 7 causes; again: cargo xtask lint rust; log: /path/clippy.log`.
fn heading(step: &StepReport, shown: usize) -> String {
    let causes = match step.causes.len() {
        0 => ", no cause recognized".to_owned(),
        all if shown < all => format!(", {shown} of {all} causes"),
        _ => String::new(),
    };
    format!("── {} failed{causes}; again: {}; log: {}", step.id, step.command, step.log.display())
}

/// Shares a number of lines among steps, one each in turn, until all have what they need.
fn share(needs: &[usize], mut room: usize) -> Vec<usize> {
    let mut shares = vec![0; needs.len()];
    while room > 0 && shares != needs {
        for (share, need) in shares.iter_mut().zip(needs) {
            if *share < *need && room > 0 {
                *share += 1;
                room -= 1;
            }
        }
    }
    shares
}

/// As many causes as fit into a number of lines, and how many those are.
fn fitting(step: &StepReport, share: usize) -> (usize, Vec<String>) {
    let all = step.causes.len();
    let fits =
        (1..=all).rev().map(|count| (count, lines(step, count))).find(|(_, lines)| lines.len() <= share);
    // Without room for its command, a cause stands alone; the heading has the command of the step.
    let alone = || step.causes.first().filter(|_| share > 0).map(|cause| (1, vec![cause.text()]));
    fits.or_else(alone).unwrap_or_default()
}

/// The first causes of a step. One command may repeat several of them; it stands below the last one.
fn lines(step: &StepReport, count: usize) -> Vec<String> {
    let causes = &step.causes[..count];
    let mut lines = Vec::new();
    for (index, cause) in causes.iter().enumerate() {
        lines.push(cause.text());
        let next = causes.get(index + 1).and_then(|next| next.repeat.as_ref());
        let repeat = cause.repeat.as_ref().filter(|repeat| next != Some(repeat));
        lines.extend(repeat.map(|command| format!("    {command}")));
    }
    lines
}
