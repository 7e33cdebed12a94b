# Sourced by bin/cassandra: completes JVM_OPTS. MAX_HEAP_SIZE, HEAP_NEWSIZE, LOCAL_JMX, JMX_PORT,
# CASSANDRA_HEAPDUMP_DIR and JVM_EXTRA_OPTS are taken from the environment; AGENTS is bin/cassandra.in.sh's.

# Without a heap size: a quarter of the machine's memory up to 8 GiB, but half of it up to 1 GiB. The
# memory is the machine's, whatever limit the container has: who sets a limit sets the heap too.
case " $JVM_OPTS " in
  *" -Xmx"*) ;;
  *)
    if [ -z "$MAX_HEAP_SIZE" ]; then
      memory=$(free -m | awk '/^Mem:/ { print $2 }')
      half=$((memory / 2 < 1024 ? memory / 2 : 1024))
      quarter=$((memory / 4 < 8192 ? memory / 4 : 8192))
      MAX_HEAP_SIZE=$((half > quarter ? half : quarter))M
    fi
    # G1 sizes its young generation itself, and a fixed one makes it collect far too often.
    case "$JVM_OPTS" in
      *UseConcMarkSweepGC*) JVM_OPTS="$JVM_OPTS${HEAP_NEWSIZE:+ -Xmn$HEAP_NEWSIZE}" ;;
    esac
    JVM_OPTS="$JVM_OPTS -Xms$MAX_HEAP_SIZE -Xmx$MAX_HEAP_SIZE"
    ;;
esac
JVM_OPTS="$JVM_OPTS -XX:CompileCommandFile=$CASSANDRA_CONF/hotspot_compiler"
JVM_OPTS="$JVM_OPTS ${AGENTS[*]}"
JVM_OPTS="$JVM_OPTS -XX:+ExitOnOutOfMemoryError"
[ -z "$CASSANDRA_HEAPDUMP_DIR" ] || JVM_OPTS="$JVM_OPTS -XX:HeapDumpPath=$CASSANDRA_HEAPDUMP_DIR/cassandra-$(date +%s)-pid$$.hprof"
JVM_OPTS="$JVM_OPTS -Xlog:gc*=info,safepoint=info:file=$CASSANDRA_LOG_DIR/gc.log:time,uptime,pid,tid,level:filecount=10,filesize=10485760"

# JMX on loopback only, unless LOCAL_JMX=no: then on every address, behind a password.
: "${LOCAL_JMX:=yes}" "${JMX_PORT:=7199}"
if [ "$LOCAL_JMX" = yes ]; then
  JVM_OPTS="$JVM_OPTS -Dcassandra.jmx.local.port=$JMX_PORT -Dcom.sun.management.jmxremote.authenticate=false"
else
  JVM_OPTS="$JVM_OPTS -Dcassandra.jmx.remote.port=$JMX_PORT -Dcom.sun.management.jmxremote.rmi.port=$JMX_PORT"
  JVM_OPTS="$JVM_OPTS -Dcom.sun.management.jmxremote.authenticate=true"
  JVM_OPTS="$JVM_OPTS -Dcom.sun.management.jmxremote.password.file=/etc/cassandra/jmxremote.password"
fi
JVM_OPTS="$JVM_OPTS $JVM_EXTRA_OPTS"
