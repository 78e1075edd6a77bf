"""The SQL surface of Aurora PostgreSQL, for a PostgreSQL that is not Aurora.

`aurora_replica_status()` has the columns that AWS documents; those that describe Aurora's storage
are empty. Its rows come from the file `<cluster_name>.view` beside the data directory: replicas
are copies of the writer, and yet each must show a view of its own.

`pg_is_in_recovery()` is replaced: an instance demoted in place has not restarted and would say that
it is no replica, where an Aurora reader says that it is one.
"""

from __future__ import annotations

VERSION = "16.6.1"

# Set in the configuration file of an instance demoted in place.
DEMOTED = "lab.demoted"

# The built-in, under the name that it goes by here.
IN_RECOVERY = "pg_catalog.lab_is_in_recovery()"

_SURFACE = """
SET allow_system_table_mods = on;

ALTER FUNCTION pg_catalog.pg_is_in_recovery() RENAME TO lab_is_in_recovery;

CREATE FUNCTION pg_catalog.pg_is_in_recovery() RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL SAFE
    AS $$ SELECT %(in_recovery)s OR coalesce(current_setting('%(demoted)s', true), '') = 'on' $$;

CREATE FUNCTION pg_catalog.aurora_version() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT '%(version)s'::text $$;

CREATE FUNCTION pg_catalog.aurora_db_instance_identifier() RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$ SELECT current_setting('cluster_name') $$;

CREATE FUNCTION pg_catalog.aurora_replica_status(
    OUT server_id text,
    OUT session_id text,
    OUT durable_lsn bigint,
    OUT highest_lsn_rcvd bigint,
    OUT current_read_lsn bigint,
    OUT cur_replay_latency_in_usec bigint,
    OUT active_txns integer,
    OUT is_current boolean,
    OUT last_transport_error integer,
    OUT last_error_timestamp timestamp with time zone,
    OUT last_update_timestamp timestamp with time zone,
    OUT feedback_xmin bigint,
    OUT feedback_epoch bigint,
    OUT replica_lag_in_msec double precision,
    OUT log_stream_speed_in_kib_per_second double precision,
    OUT log_buffer_sequence_number bigint,
    OUT oldest_read_view_trx_id bigint,
    OUT oldest_read_view_lsn bigint,
    OUT pending_read_ios integer,
    OUT read_ios integer,
    OUT iops integer,
    OUT cpu real
) RETURNS SETOF record
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog
    AS $$
        SELECT member.server_id, member.session_id, NULL::bigint, NULL::bigint, NULL::bigint,
               NULL::bigint, NULL::integer, NULL::boolean, 0, NULL::timestamptz,
               now() - make_interval(secs => member.age), NULL::bigint, NULL::bigint,
               member.lag_ms, 0.0::double precision, 0::bigint, NULL::bigint, NULL::bigint,
               0, 0, 0, 0.0::real
        FROM json_to_recordset(
                 pg_read_file('../' || current_setting('cluster_name') || '.view')::json
             ) AS member(server_id text, session_id text,
                         age double precision, lag_ms double precision)
    $$;
"""

SURFACE = _SURFACE % {"in_recovery": IN_RECOVERY, "demoted": DEMOTED, "version": VERSION}
