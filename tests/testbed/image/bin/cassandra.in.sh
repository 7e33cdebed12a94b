# Sourced by every program of Cassandra: where things are and how Java is called.
: "${CASSANDRA_HOME:=/opt/cassandra}"
: "${CASSANDRA_CONF:=$CASSANDRA_HOME/conf}"
: "${cassandra_storagedir:=$CASSANDRA_HOME/data}"
JAVA=${JAVA_HOME:+$JAVA_HOME/bin/}java
# The jars come first, each by name and in the same order everywhere: an archive of classes is good for the class path
# that it was made with, and what follows that.
more=$CASSANDRA_CONF${CLASSPATH:+:$CLASSPATH}
CLASSPATH=
for jar in "$CASSANDRA_HOME"/lib/*.jar; do
  CLASSPATH=$CLASSPATH$jar:
done
CLASSPATH=$CLASSPATH$more

# The options in jvm-KIND.options and in the one of the release's Java version, jvmNN-KIND.options.
jvm_options() {
  local file
  for file in "$CASSANDRA_CONF/jvm-$1.options" "$CASSANDRA_CONF"/jvm[0-9]*-"$1.options"; do
    [ ! -r "$file" ] || grep '^-' "$file" | tr '\n' ' '
  done
}

# What Cassandra measures its memory with; without it Java 17 refuses 4.1 to look.
AGENTS=()
for agent in "$CASSANDRA_HOME"/lib/jamm-*.jar; do
  AGENTS+=("-javaagent:$agent")
done

# tool CLASS ARGUMENTS...: takes this process's place with a tool that works on files.
tool() {
  local class=$1
  shift
  exec "$JAVA" "${AGENTS[@]}" $(jvm_options clients) "-Xmx${MAX_HEAP_SIZE:-256M}" -XX:+UseSerialGC -ea \
    -Dcassandra.storagedir="$cassandra_storagedir" -Dlogback.configurationFile=logback-tools.xml \
    -cp "$CLASSPATH" "org.apache.cassandra.tools.$class" "$@"
}
