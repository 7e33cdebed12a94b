//! CQL statements that change roles and keyspaces, with names and values quoted. Pure.

use std::collections::BTreeMap;

use store_planner::logins::{Credentials, DEFAULT_SUPERUSER};
use store_planner::observation::{Factors, Replication};

/// A name in double quotes, so that case and reserved words are kept as they are.
pub fn name(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text value in single quotes.
pub fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

/// Makes the role if it is absent, as one that cannot log in yet.
pub fn make_role(role: &str) -> String {
    format!("CREATE ROLE IF NOT EXISTS {} WITH LOGIN = false", name(role))
}

/// Lets the role log in, and corrects its password and rights.
pub fn admit_role(credentials: &Credentials, superuser: bool) -> String {
    format!(
        "ALTER ROLE {} WITH LOGIN = true AND SUPERUSER = {superuser} AND PASSWORD = {}",
        name(&credentials.username),
        text(&credentials.password)
    )
}

/// Takes log-in, rights and the well-known password from the default superuser.
pub fn disable_default_superuser(random_password: &str) -> String {
    format!(
        "ALTER ROLE {} WITH SUPERUSER = false AND LOGIN = false AND PASSWORD = {}",
        name(DEFAULT_SUPERUSER),
        text(random_password)
    )
}

/// Grants one permission on a keyspace.
pub fn grant(permission: &str, keyspace: &str, role: &str) -> String {
    format!("GRANT {permission} ON KEYSPACE {} TO {}", name(keyspace), name(role))
}

/// Permissions on the API's keyspace of the role that writes its schema. It may drop the tables that
/// it made, which Cassandra grants by itself; DROP on the keyspace would let it drop all of that.
pub const SCHEMA_PERMISSIONS: [&str; 4] = ["CREATE", "ALTER", "SELECT", "MODIFY"];
/// Permissions on the API's keyspace of the role that the API logs in with.
pub const API_PERMISSIONS: [&str; 2] = ["SELECT", "MODIFY"];

/// Tables of each node itself from which the API tells how nodes see each other and what they do.
pub const TOLD_BY_NODES: [&str; 5] =
    ["gossip_info", "pending_hints", "streaming", "sstable_tasks", "internode_outbound"];

/// Lets a role read one of them.
pub fn grant_of_nodes(table: &str, role: &str) -> String {
    format!("GRANT SELECT ON TABLE {}.{} TO {}", name("system_views"), name(table), name(role))
}

/// The factors of a keyspace once these are set; the other datacenters keep theirs.
pub fn replication_map(current: &Replication, factors: &Factors) -> Factors {
    let mut map = match current {
        Replication::Network(map) => map.clone(),
        Replication::Simple(_) => Factors::new(),
    };
    map.extend(factors.clone());
    map
}

/// `CREATE KEYSPACE IF NOT EXISTS` by NetworkTopologyStrategy.
pub fn create_keyspace(keyspace: &str, replication: &BTreeMap<String, i32>) -> String {
    format!(
        "CREATE KEYSPACE IF NOT EXISTS {} WITH replication = {} AND durable_writes = true",
        name(keyspace),
        network_topology(replication)
    )
}

/// `ALTER KEYSPACE` to NetworkTopologyStrategy.
pub fn alter_keyspace(keyspace: &str, replication: &BTreeMap<String, i32>) -> String {
    format!("ALTER KEYSPACE {} WITH replication = {}", name(keyspace), network_topology(replication))
}

/// Reads a keyspace's replication; `None` for strategies that keep data on every node or one alone.
pub fn read_replication(options: &BTreeMap<String, String>) -> Option<Replication> {
    let class = options.get("class")?;
    match class.rsplit('.').next()? {
        "SimpleStrategy" => factor(options.get("replication_factor")?).map(Replication::Simple),
        "NetworkTopologyStrategy" => Some(Replication::Network(
            options
                .iter()
                .filter(|(key, _)| *key != "class")
                .filter_map(|(datacenter, value)| Some((datacenter.clone(), factor(value)?)))
                .collect(),
        )),
        _ => None,
    }
}

/// `3`, or `3/1` where one of the three is a transient replica.
fn factor(value: &str) -> Option<i32> {
    value.split('/').next()?.parse().ok()
}

fn network_topology(replication: &BTreeMap<String, i32>) -> String {
    let datacenters: String =
        replication.iter().map(|(datacenter, factor)| format!(", {}: {factor}", text(datacenter))).collect();
    format!("{{'class': 'NetworkTopologyStrategy'{datacenters}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
    }

    #[test]
    fn quotes_in_names_and_values_cannot_end_them() {
        let credentials = Credentials { username: "a\"b".into(), password: "p'; DROP".into() };
        assert_eq!(make_role("a\"b"), "CREATE ROLE IF NOT EXISTS \"a\"\"b\" WITH LOGIN = false");
        assert_eq!(
            admit_role(&credentials, false),
            "ALTER ROLE \"a\"\"b\" WITH LOGIN = true AND SUPERUSER = false AND PASSWORD = 'p''; DROP'"
        );
    }

    #[test]
    fn what_nodes_tell_is_granted_table_by_table() {
        assert_eq!(
            grant_of_nodes("gossip_info", "a\"b"),
            "GRANT SELECT ON TABLE \"system_views\".\"gossip_info\" TO \"a\"\"b\""
        );
    }

    #[test]
    fn an_altered_keyspace_keeps_its_other_datacenters() {
        let current = Replication::Network([("dc1".into(), 1), ("dc2".into(), 2)].into());
        assert_eq!(
            alter_keyspace("shop", &replication_map(&current, &[("dc1".into(), 3)].into())),
            "ALTER KEYSPACE \"shop\" WITH replication = {'class': 'NetworkTopologyStrategy', 'dc1': 3, 'dc2': 2}"
        );
    }

    #[test]
    fn simple_strategy_becomes_the_datacenter_alone() {
        let factors = Factors::from([("dc1".into(), 2)]);
        assert_eq!(replication_map(&Replication::Simple(1), &factors), factors);
    }

    #[test]
    fn replication_is_read_from_what_cassandra_stores() {
        let simple = options(&[("class", "org.apache.cassandra.locator.SimpleStrategy"), ("replication_factor", "1")]);
        assert_eq!(read_replication(&simple), Some(Replication::Simple(1)));
        let network = options(&[("class", "org.apache.cassandra.locator.NetworkTopologyStrategy"), ("dc1", "3/1")]);
        assert_eq!(read_replication(&network), Some(Replication::Network([("dc1".into(), 3)].into())));
        let local = options(&[("class", "org.apache.cassandra.locator.LocalStrategy")]);
        assert_eq!(read_replication(&local), None);
    }
}
