//! Java options: the user's go into `jvm-server.options`, and what they replace is taken out of all
//! option files of the image. Pure.

/// The file that every Java version reads.
pub const MAIN_FILE: &str = "jvm-server.options";

/// Heaps below this, in MiB, are collected by one thread. G1, Cassandra's default, divides the heap into regions of
/// 16 MiB: with a few dozen of them it marks all the time, a tenth of two CPUs in a ring under load.
const SMALL_HEAP_MIB: u64 = 1024;

/// The options for a heap of `heap_mib`: the user's, and a collector where they name none and the image's does not fit.
pub fn with_collector(heap_mib: u64, user: &[String]) -> Vec<String> {
    let named = user.iter().any(|option| subject(option) == COLLECTOR);
    let fitting = (!named && heap_mib < SMALL_HEAP_MIB).then(|| "-XX:+UseSerialGC".to_owned());
    fitting.into_iter().chain(user.iter().cloned()).collect()
}

/// Whether a file of the configuration directory holds options of the server.
pub fn is_options_file(name: &str) -> bool {
    name.starts_with("jvm") && name.ends_with("-server.options")
}

/// The text of an options file with what `options` replace commented out: of two options for the
/// same thing, the JVM takes the last or, for collectors, none.
pub fn without_replaced(text: &str, options: &[String]) -> String {
    let replaced: Vec<&str> = options.iter().map(|option| subject(option)).collect();
    text.lines()
        .map(|line| match line.starts_with('-') && replaced.contains(&subject(line.trim_end())) {
            true => format!("# replaced: {line}\n"),
            false => format!("{line}\n"),
        })
        .collect()
}

/// The text of the main options file with `options` at its end.
pub fn with_options(text: &str, options: &[String]) -> String {
    let added: String = options.iter().map(|option| format!("{option}\n")).collect();
    format!("{text}\n# added by node-config\n{added}")
}

/// Subject of all options that choose a collector.
const COLLECTOR: &str = "collector";

/// What an option is about: two with the same subject replace each other.
fn subject(option: &str) -> &str {
    let name = option.split('=').next().unwrap_or(option);
    if let Some(flag) = name.strip_prefix("-XX:") {
        let flag = flag.trim_start_matches(['+', '-']);
        return if is_collector(option, flag) { COLLECTOR } else { flag };
    }
    match name.strip_prefix("-X") {
        Some(rest) if !rest.contains(':') => {
            name.trim_end_matches(|c: char| !c.is_ascii_alphabetic() || is_unit(c, name))
        }
        _ if name.starts_with("-D") => name,
        _ => option,
    }
}

/// `-XX:+UseG1GC` and its like choose the collector.
fn is_collector(option: &str, flag: &str) -> bool {
    option.starts_with("-XX:+") && flag.starts_with("Use") && flag.ends_with("GC")
}

/// The unit at the end of a size such as `-Xss512k`.
fn is_unit(character: char, name: &str) -> bool {
    "kKmMgG".contains(character) && name.ends_with(character) && name.contains(|c: char| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(all: &[&str]) -> Vec<String> {
        all.iter().map(|option| (*option).to_owned()).collect()
    }

    #[test]
    fn an_option_replaces_the_one_about_the_same_thing_and_no_other() {
        let text = "-ea\n-Xss256k\n-XX:MaxGCPauseMillis=300\n-Dcassandra.ring_delay_ms=30000\n#-Xss1m\n-XX:-UseBiasedLocking\n";
        let user = options(&[
            "-Xss512k",
            "-XX:MaxGCPauseMillis=500",
            "-Dcassandra.ring_delay_ms=5000",
            "-XX:+UseBiasedLocking",
        ]);
        let kept: Vec<String> = without_replaced(text, &user).lines().map(str::to_owned).collect();
        assert_eq!(
            kept,
            [
                "-ea",
                "# replaced: -Xss256k",
                "# replaced: -XX:MaxGCPauseMillis=300",
                "# replaced: -Dcassandra.ring_delay_ms=30000",
                "#-Xss1m",
                "# replaced: -XX:-UseBiasedLocking",
            ]
        );
    }

    #[test]
    fn another_collector_replaces_the_one_of_the_image() {
        let text = "-XX:+UseConcMarkSweepGC\n-XX:+UseThreadPriorities\n";
        let text = without_replaced(text, &options(&["-XX:+UseG1GC"]));
        assert_eq!(text, "# replaced: -XX:+UseConcMarkSweepGC\n-XX:+UseThreadPriorities\n");
    }

    #[test]
    fn a_small_heap_is_collected_by_one_thread_unless_the_user_names_a_collector() {
        let delay = "-Dcassandra.ring_delay_ms=5000";
        assert_eq!(with_collector(256, &options(&[delay])), ["-XX:+UseSerialGC", delay]);
        assert_eq!(with_collector(1024, &options(&[delay])), [delay]);
        assert_eq!(with_collector(256, &options(&["-XX:+UseParallelGC"])), ["-XX:+UseParallelGC"]);
        assert_eq!(with_collector(256, &options(&["-XX:-UseG1GC"])), ["-XX:+UseSerialGC", "-XX:-UseG1GC"]);
    }

    #[test]
    fn options_that_only_look_alike_stay() {
        let text = "-Xlog:gc=info\n-javaagent:/a.jar=x\n-Xms1G\n-da:net.openhft...\n";
        let user = options(&["-Xlog:safepoint", "-javaagent:/b.jar=x", "-Xss1m", "-da:org.example..."]);
        assert_eq!(without_replaced(text, &user), text);
    }

    #[test]
    fn only_the_server_s_option_files_are_read() {
        assert!(is_options_file("jvm-server.options") && is_options_file("jvm17-server.options"));
        assert!(!is_options_file("jvm-clients.options") && !is_options_file("jvm-server.options.image"));
    }
}
