//! CPU time and memory of a process, from `/proc`. IO: reads two files.

use std::io;
use std::time::Duration;

/// `USER_HZ`: the unit of the times in `/proc/PID/stat`, the same on every architecture of Linux
/// that Rust runs on but Alpha.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU time (user and system, all threads) that process `pid` has used since it began.
///
/// # Errors
/// When there is no such process or its record does not parse.
pub fn cpu_time(pid: u32) -> io::Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    parse_stat(&stat).ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/stat: {stat}")))
}

/// CPU time of process `pid` and of every process below it, of those that live.
///
/// # Errors
/// As [`cpu_time`].
pub fn cpu_time_of_tree(pid: u32) -> io::Result<Duration> {
    let mut sum = cpu_time(pid)?;
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end while it is looked at.
        let children = std::fs::read_to_string(task?.path().join("children")).unwrap_or_default();
        for child in children.split_ascii_whitespace().filter_map(|child| child.parse().ok()) {
            sum += cpu_time_of_tree(child).unwrap_or_default();
        }
    }
    Ok(sum)
}

/// Memory of process `pid` in KiB: resident now, and the most it ever was.
///
/// # Errors
/// When there is no such process or its record does not parse.
pub fn resident_kib(pid: u32) -> io::Result<(u64, u64)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim_start_matches(':').trim().split(' ').next()?.parse().ok()
    };
    field("VmRSS")
        .zip(field("VmHWM"))
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("/proc/{pid}/status has no VmRSS and VmHWM")))
}

fn parse_stat(stat: &str) -> Option<Duration> {
    // The command's name is in parentheses and may hold blanks and parentheses itself.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some(Duration::from_secs_f64((user + system) / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_system_time_are_added_whatever_the_command_is_called() {
        let stat = "12 (a) b (c) S 1 1 1 0 -1 4194560 100 0 0 0 150 50 7 7 20 0 9 0 100 1 2 3";
        assert_eq!(parse_stat(stat), Some(Duration::from_secs(2)));
        assert_eq!(parse_stat("12 (x) S 1"), None);
    }

    #[test]
    fn the_time_of_a_tree_is_at_least_that_of_its_children() {
        let work = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo; sleep 60";
        let mut child = std::process::Command::new("sh")
            .args(["-c", work])
            .stdout(std::process::Stdio::piped())
            .spawn()
            .expect("a shell");
        std::io::Read::read_exact(&mut child.stdout.take().expect("piped"), &mut [0]).expect("its line");
        let (own, its) = (cpu_time(std::process::id()).expect("own"), cpu_time(child.id()).expect("its"));
        let tree = cpu_time_of_tree(std::process::id()).expect("both");
        child.kill().and_then(|()| child.wait()).expect("killed");
        assert!(its > Duration::ZERO && tree >= own + its, "{tree:?} {own:?} {its:?}");
    }

    #[test]
    fn this_process_has_used_some_time_and_memory() {
        let pid = std::process::id();
        let before = cpu_time(pid).expect("own record");
        let began = std::time::Instant::now();
        let mut sum = 0_u64;
        while began.elapsed() < Duration::from_millis(100) {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(cpu_time(pid).expect("own record") > before);
        let (now, most) = resident_kib(pid).expect("own record");
        assert!(now > 1000 && most >= now);
    }
}
