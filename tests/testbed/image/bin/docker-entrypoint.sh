#!/usr/bin/env bash
# The contract of the official cassandra image: CASSANDRA_* variables are written into the files of
# $CASSANDRA_CONF, then the command takes this process's place.
set -e

# Only options, or nothing: they are Cassandra's.
if [ "$#" -eq 0 ] || [ "${1#-}" != "$1" ]; then
  set -- cassandra -f "$@"
fi

# Started as root: give the directories to the user and start again as that user.
if [ "$1" = cassandra ] && [ "$(id -u)" = 0 ]; then
  find "$CASSANDRA_CONF" /var/lib/cassandra /var/log/cassandra ! -user cassandra -exec chown cassandra '{}' +
  exec gosu cassandra "$BASH_SOURCE" "$@"
fi

# The first address that is neither loopback nor link-local.
own_address() {
  ip -4 -oneline address show | awk '{ sub("/.*", "", $4) } $2 != "lo" && $4 !~ /^(127|169\.254)\./ { print $4; exit }'
}

# As `sed -i`, but keeps the file itself: a file mounted by itself cannot be replaced.
edit() {
  local file=$1 edited
  shift
  edited=$(mktemp)
  sed -r "$@" "$file" > "$edited"
  cat "$edited" > "$file"
  rm "$edited"
}

if [ "$1" = cassandra ]; then
  : "${CASSANDRA_RPC_ADDRESS=0.0.0.0}"
  : "${CASSANDRA_LISTEN_ADDRESS=auto}"
  [ "$CASSANDRA_LISTEN_ADDRESS" != auto ] || CASSANDRA_LISTEN_ADDRESS=$(own_address)
  : "${CASSANDRA_BROADCAST_ADDRESS=$CASSANDRA_LISTEN_ADDRESS}"
  [ "$CASSANDRA_BROADCAST_ADDRESS" != auto ] || CASSANDRA_BROADCAST_ADDRESS=$(own_address)
  : "${CASSANDRA_BROADCAST_RPC_ADDRESS:=$CASSANDRA_BROADCAST_ADDRESS}"
  [ -z "$CASSANDRA_NAME" ] || : "${CASSANDRA_SEEDS:=cassandra}"
  : "${CASSANDRA_SEEDS:=$CASSANDRA_BROADCAST_ADDRESS}"

  edit "$CASSANDRA_CONF/cassandra.yaml" "s/(- seeds:).*/\1 \"$CASSANDRA_SEEDS\"/"
  for key in broadcast_address broadcast_rpc_address cluster_name endpoint_snitch listen_address num_tokens \
    rpc_address start_rpc; do
    variable=CASSANDRA_${key^^}
    [ -z "${!variable}" ] || edit "$CASSANDRA_CONF/cassandra.yaml" "s/^(# )?($key:).*/\2 ${!variable}/"
  done
  for key in dc rack; do
    variable=CASSANDRA_${key^^}
    [ -z "${!variable}" ] || edit "$CASSANDRA_CONF/cassandra-rackdc.properties" "s/^($key=).*/\1 ${!variable}/"
  done
fi

exec "$@"
