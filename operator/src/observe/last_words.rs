//! What a container that ended said last, out of the end of its log. Pure.
//!
//! Kubernetes keeps the last 80 lines or 2048 bytes of the log as the container's termination message
//! (`FallbackToLogsOnError`). Most of them are stack frames; the cause is one line among them.

/// Longest words that are told, in characters.
const LONGEST: usize = 300;

/// How Cassandra begins its last words: `Exception (<class>) encountered during startup: <words>`.
const STARTUP: &str = "encountered during startup: ";

/// How Java tells of an exception that nobody caught.
const IN_THREAD: &str = "Exception in thread \"main\" ";

/// What the Java virtual machine says when it does not even start.
const OF_THE_JVM: [&str; 5] = [
    "Unrecognized VM option",
    "Unrecognized option",
    "Error occurred during initialization of VM",
    "Invalid maximum heap size",
    "Could not reserve enough space",
];

/// The telling words of a termination message; `None` where there are none.
pub fn last_words(message: &str) -> Option<String> {
    let lines: Vec<&str> = message.lines().map(str::trim).filter(is_telling).collect();
    let words = startup(&lines)
        .or_else(|| of_the_jvm(&lines))
        .or_else(|| of_a_program(&lines))
        .or_else(|| lines.iter().find_map(|line| exception(line)))
        .or_else(|| lines.iter().rev().find_map(|line| exception(line.strip_prefix("Caused by: ")?)))
        .or_else(|| lines.iter().rev().find(|line| line.contains("ERROR")).map(|line| logged(line)))
        .or_else(|| lines.last().map(|line| logged(line)))?;
    Some(shorten(&words)).filter(|words| !words.is_empty())
}

/// Neither empty, nor a frame of a stack.
fn is_telling(line: &&str) -> bool {
    let frame = line.starts_with("at ") || line.starts_with("... ") && line.ends_with("more");
    let omitted = line.ends_with("common frames omitted");
    !line.is_empty() && !frame && !omitted
}

fn startup(lines: &[&str]) -> Option<String> {
    let words = lines.iter().find_map(|line| line.split_once(STARTUP)).map(|(_, words)| words.trim())?;
    Some(words).filter(|words| !words.is_empty() && *words != "null").map(str::to_owned)
}

fn of_the_jvm(lines: &[&str]) -> Option<String> {
    let at = lines.iter().position(|line| OF_THE_JVM.iter().any(|says| line.contains(says)))?;
    // the reason stands in the line below
    let more = lines.get(at + 1).filter(|_| lines[at].ends_with("initialization of VM"));
    Some(more.map_or(lines[at].to_owned(), |more| format!("{}: {more}", lines[at])))
}

/// A program of this project: `Error: <what>`, and what caused it, one cause a line.
fn of_a_program(lines: &[&str]) -> Option<String> {
    let at = lines.iter().rposition(|line| line.starts_with("Error: "))?;
    let what = lines[at].trim_start_matches("Error: ").to_owned();
    let causes = lines[at..].iter().skip_while(|line| **line != "Caused by:").skip(1);
    Some(causes.fold(what, |words, cause| format!("{words}: {}", unnumbered(cause))))
}

fn unnumbered(line: &str) -> &str {
    line.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ':').trim()
}

/// `java.lang.RuntimeException: <words>`.
fn exception(line: &str) -> Option<String> {
    let (class, words) = line.strip_prefix(IN_THREAD).unwrap_or(line).split_once(": ")?;
    let is_class = class.contains('.')
        && (class.ends_with("Exception") || class.ends_with("Error"))
        && class.chars().all(|letter| letter.is_alphanumeric() || ".$_".contains(letter));
    (is_class && !words.trim().is_empty()).then(|| words.trim().to_owned())
}

/// The words of a line of a log, without level, thread and time.
fn logged(line: &str) -> String {
    if let Some(message) = serde_json::from_str::<serde_json::Value>(line).ok().and_then(|line| {
        let fields = line.get("fields").unwrap_or(&line);
        fields.get("message")?.as_str().map(str::to_owned)
    }) {
        return message;
    }
    // Cassandra's: `ERROR [main] 2026-11-30 00:48:11,123 CassandraDaemon.java:887 - words`
    let level = ["INFO", "WARN", "ERROR", "DEBUG", "TRACE", "FATAL"].iter().any(|level| line.starts_with(level));
    line.split_once(" - ").filter(|_| level).map_or(line, |(_, words)| words).trim().to_owned()
}

fn shorten(words: &str) -> String {
    match words.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} …", &words[..end]),
        None => words.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_that_cassandra_does_not_know_is_named() {
        let log = "\
INFO  [main] 2026-11-30 00:33:02,123 YamlConfigurationLoader.java:97 - Configuration location: file:/etc/cassandra/cassandra.yaml
Exception (org.apache.cassandra.exceptions.ConfigurationException) encountered during startup: Invalid yaml. Please remove properties [concurent_reads] from your cassandra.yaml
Invalid yaml. Please remove properties [concurent_reads] from your cassandra.yaml
ERROR [main] 2026-11-30 00:33:02,431 CassandraDaemon.java:887 - Exception encountered during startup: Invalid yaml. Please remove properties [concurent_reads] from your cassandra.yaml
";
        let expected = "Invalid yaml. Please remove properties [concurent_reads] from your cassandra.yaml";
        assert_eq!(last_words(log).as_deref(), Some(expected));
        // of the end of it alone, too
        let end = log.lines().last().unwrap();
        assert_eq!(last_words(end).as_deref(), Some(expected));
    }

    #[test]
    fn a_cause_is_found_among_the_frames_of_its_stack() {
        let log = "\
\tat org.apache.cassandra.service.StorageService.initServer(StorageService.java:920)
\tat org.apache.cassandra.service.CassandraDaemon.main(CassandraDaemon.java:871)
ERROR [main] 2026-11-30 01:05:11,001 CassandraDaemon.java:897 - Exception encountered during startup
java.lang.IllegalStateException: Necessary replicas for strict consistency were removed by source filters: [/10.120.1.9:7000] was down
\tat org.apache.cassandra.dht.RangeStreamer.calculateRangesToFetchWithPreferredEndpoints(RangeStreamer.java:515)
\tat org.apache.cassandra.service.CassandraDaemon.main(CassandraDaemon.java:871)
INFO  [StorageServiceShutdownHook] 2026-11-30 01:05:11,020 HintsService.java:235 - Paused hints dispatch
";
        let expected =
            "Necessary replicas for strict consistency were removed by source filters: [/10.120.1.9:7000] was down";
        assert_eq!(last_words(log).as_deref(), Some(expected));
    }

    #[test]
    fn an_exception_without_words_is_told_by_what_caused_it() {
        let log = "\
Exception (java.lang.ExceptionInInitializerError) encountered during startup: null
java.lang.ExceptionInInitializerError
\tat org.apache.cassandra.config.DatabaseDescriptor.daemonInitialization(DatabaseDescriptor.java:211)
Caused by: org.apache.cassandra.exceptions.ConfigurationException: Batch sync specified, but commitlog_sync_period found.
\t... 12 common frames omitted
";
        let expected = "Batch sync specified, but commitlog_sync_period found.";
        assert_eq!(last_words(log).as_deref(), Some(expected));
    }

    #[test]
    fn a_java_that_does_not_start_says_why() {
        let option = "Unrecognized VM option 'NoSuchOption'\nError: Could not create the Java Virtual Machine.\nError: A fatal exception has occurred. Program will exit.\n";
        assert_eq!(last_words(option).as_deref(), Some("Unrecognized VM option 'NoSuchOption'"));
        let heap = "Error occurred during initialization of VM\nInitial heap size set to a larger value than the maximum heap size\n";
        let expected = "Error occurred during initialization of VM: Initial heap size set to a larger value than the maximum heap size";
        assert_eq!(last_words(heap).as_deref(), Some(expected));
    }

    #[test]
    fn programs_of_this_project_are_told_with_their_causes() {
        let log = "Error: prepared Cassandra's configuration\n\nCaused by:\n    0: read /settings/overrides\n    1: no such file\n";
        assert_eq!(
            last_words(log).as_deref(),
            Some("prepared Cassandra's configuration: read /settings/overrides: no such file")
        );
        let json =
            r#"{"timestamp":"2026-11-30T01:00:00Z","level":"ERROR","fields":{"message":"cannot listen on 8080"}}"#;
        assert_eq!(last_words(json).as_deref(), Some("cannot listen on 8080"));
    }

    #[test]
    fn what_says_nothing_is_nothing_and_what_says_much_is_cut() {
        assert_eq!(last_words(""), None);
        assert_eq!(last_words("\tat a.b.C.d(C.java:1)\n\t... 6 more\n"), None);
        assert_eq!(last_words("killed").as_deref(), Some("killed"));
        assert_eq!(last_words(&"ö".repeat(5000)).unwrap().chars().count(), LONGEST + 2);
    }
}
