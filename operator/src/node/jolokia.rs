//! Settings of the management agent, as a file: the command line of a process is no place for a
//! password. Pure.

use store_crds::JOLOKIA_PORT;
use store_planner::node::files::AGENT_DIR;

/// Name of the settings file in the agent's directory.
pub const PROPERTIES_FILE: &str = "jolokia.properties";
/// Name of the agent in its directory.
pub const JAR_FILE: &str = "jolokia-agent.jar";

/// The Java option that starts the agent.
pub fn java_option() -> String {
    format!("-javaagent:{AGENT_DIR}/{JAR_FILE}=config={AGENT_DIR}/{PROPERTIES_FILE}")
}

/// The agent's settings: every address, one user, no discovery by multicast. Several threads: with
/// the default of one, a decommission or clean-up would keep every question waiting until it ends.
pub fn properties(user: &str, password: &str) -> String {
    format!(
        "host=0.0.0.0\nport={JOLOKIA_PORT}\nuser={}\npassword={}\ndiscoveryEnabled=false\n\
         executor=fixed\nthreadNr=8\n",
        escaped(user),
        escaped(password)
    )
}

/// A value as Java's properties files want it.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for unit in value.encode_utf16() {
        match u8::try_from(unit).map(char::from) {
            Ok(c) if c.is_ascii_alphanumeric() || "-_.".contains(c) => text.push(c),
            _ => text.push_str(&format!("\\u{unit:04x}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_mean_something_in_properties_are_escaped() {
        let text = properties("store_operator", " a=b\\c:ü");
        assert!(text.contains("user=store_operator\n"), "{text}");
        assert!(text.contains("password=\\u0020a\\u003db\\u005cc\\u003a\\u00fc\n"), "{text}");
    }

    #[test]
    fn the_command_line_names_a_file_and_no_password() {
        assert_eq!(java_option(), "-javaagent:/agent/jolokia-agent.jar=config=/agent/jolokia.properties");
    }
}
