//! What a trial run of a configuration starts in place of Cassandra: a class that loads `cassandra.yaml` as Cassandra
//! itself does and ends, and a `java` that runs it. Pure.
//!
//! No program of the images does that: their tools read the file too, but skip what only the server checks.

/// Cassandra's own class, which the start script of every image ends with.
const CASSANDRA: &str = "org.apache.cassandra.service.CassandraDaemon";

/// The class file of
///
/// ```java
/// class StoreCheck {
///     public static void main(String[] arguments) {
///         org.apache.cassandra.config.DatabaseDescriptor.daemonInitialization();
///         System.exit(0);
///     }
/// }
/// ```
pub fn class_file(name: &str) -> Vec<u8> {
    let mut pool = Pool::default();
    let this = pool.class(name);
    let object = pool.class("java/lang/Object");
    let load = pool.method("org/apache/cassandra/config/DatabaseDescriptor", "daemonInitialization", "()V");
    let exit = pool.method("java/lang/System", "exit", "(I)V");
    let [main, arguments, code] = ["main", "([Ljava/lang/String;)V", "Code"].map(|text| pool.text(text));

    let [load_high, load_low] = load.to_be_bytes();
    let [exit_high, exit_low] = exit.to_be_bytes();
    // invokestatic load; iconst_0; invokestatic exit; return
    let steps = [0xb8, load_high, load_low, 0x03, 0xb8, exit_high, exit_low, 0xb1];

    let mut file = 0xcafe_babe_u32.to_be_bytes().to_vec();
    let words = |file: &mut Vec<u8>, words: &[u16]| file.extend(words.iter().flat_map(|word| word.to_be_bytes()));
    // version 52: every Java from 8 on reads it
    words(&mut file, &[0, 52, pool.count + 1]);
    file.extend(&pool.bytes);
    // a super class, no interfaces and fields; one public static method with one attribute: its code
    words(&mut file, &[0x0020, this, object, 0, 0, 1, 0x0009, main, arguments, 1, code]);
    file.extend(20_u32.to_be_bytes());
    words(&mut file, &[1, 1]);
    file.extend(8_u32.to_be_bytes());
    file.extend(steps);
    // no handlers and attributes of the code; none of the class
    words(&mut file, &[0, 0, 0]);
    file
}

/// Constants of a class file.
#[derive(Default)]
struct Pool {
    bytes: Vec<u8>,
    count: u16,
}

impl Pool {
    fn add(&mut self, tag: u8, content: &[u8]) -> u16 {
        self.bytes.push(tag);
        self.bytes.extend(content);
        self.count += 1;
        self.count
    }

    fn text(&mut self, text: &str) -> u16 {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX).to_be_bytes();
        self.add(1, &[&length, text.as_bytes()].concat())
    }

    fn class(&mut self, name: &str) -> u16 {
        let name = self.text(name).to_be_bytes();
        self.add(7, &name)
    }

    fn method(&mut self, class: &str, name: &str, kind: &str) -> u16 {
        let class = self.class(class).to_be_bytes();
        let (name, kind) = (self.text(name).to_be_bytes(), self.text(kind).to_be_bytes());
        let named = self.add(12, &[name, kind].concat()).to_be_bytes();
        self.add(10, &[class, named].concat())
    }
}

/// A `java` that runs the class `check` wherever it is asked for Cassandra's; for everything else it is the real one.
pub fn java(check: &str) -> String {
    format!(
        "\
#!/bin/sh
for word; do
  shift
  if [ \"$word\" = {CASSANDRA} ]; then word={check}; fi
  set -- \"$@\" \"$word\"
done
exec \"$REAL_JAVA\" \"$@\"
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_file_is_whole() {
        let file = class_file("StoreCheck");
        assert_eq!(&file[..8], [0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 52]);
        assert_eq!(&file[8..10], [0, 20], "nineteen constants");
        assert!(String::from_utf8_lossy(&file).contains("daemonInitialization"));
        assert_eq!(file.len(), 272);
    }
}
