"""The SQL surface of an RDS Multi-AZ DB cluster.

On PostgreSQL the functions of `rds_tools`, on MySQL the table `mysql.rds_topology`, which is a view
here. The rows of either list come from the file `<cluster_name>.view` beside the data directory, as
those of the lab's Aurora do (`aurora_sql`): an instance may show what is no longer true.
"""

from __future__ import annotations

SCHEMA = "rds_tools"

_DOMAIN = "lab.instance_domain"
# By engine, what sets the domain of the endpoints that the list shows.
SET_DOMAIN = {
    "postgresql": f"ALTER DATABASE {{database}} SET {_DOMAIN} = '{{domain}}'",
    "mysql": "CREATE OR REPLACE FUNCTION mysql.lab_domain() RETURNS varchar(255) CHARSET utf8mb4"
    " NO SQL RETURN '{domain}'",
}

SURFACE = f"""
CREATE SCHEMA {SCHEMA};

CREATE FUNCTION {SCHEMA}.resource_id_of(instance text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$ SELECT 'db-' || upper(md5(instance)) $$;

CREATE FUNCTION {SCHEMA}.dbi_resource_id() RETURNS text
    LANGUAGE sql STABLE
    AS $$ SELECT {SCHEMA}.resource_id_of(current_setting('cluster_name')) $$;

CREATE FUNCTION {SCHEMA}.listed(OUT server_id text, OUT session_id text) RETURNS SETOF record
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog
    AS $$
        SELECT member.server_id, member.session_id
        FROM json_to_recordset(
                 pg_read_file('../' || current_setting('cluster_name') || '.view')::json
             ) AS member(server_id text, session_id text)
    $$;

CREATE FUNCTION {SCHEMA}.multi_az_db_cluster_source_dbi_resource_id() RETURNS text
    LANGUAGE sql VOLATILE
    AS $$
        SELECT {SCHEMA}.resource_id_of(server_id) FROM {SCHEMA}.listed()
        WHERE session_id = 'MASTER_SESSION_ID'
    $$;

CREATE FUNCTION {SCHEMA}.show_topology(
    caller text, OUT id text, OUT endpoint text, OUT port integer
) RETURNS SETOF record
    LANGUAGE sql VOLATILE
    AS $$
        SELECT {SCHEMA}.resource_id_of(server_id),
               server_id || '.' || current_setting('{_DOMAIN}'), current_setting('port')::integer
        FROM {SCHEMA}.listed()
    $$;

GRANT USAGE ON SCHEMA {SCHEMA} TO PUBLIC;
"""  # noqa: S608 -- constants only

# Views cannot read variables, and functions can. A server knows the number of no other one.
MYSQL_SURFACE = f"""
{SET_DOMAIN["mysql"].format(domain="")};

CREATE FUNCTION mysql.lab_number(instance varchar(63)) RETURNS int unsigned NO SQL
    RETURN IF(instance = @@global.report_host, @@global.server_id, CRC32(instance));

CREATE FUNCTION mysql.lab_port() RETURNS int unsigned NO SQL RETURN @@global.port;

CREATE FUNCTION mysql.lab_view() RETURNS longtext CHARSET utf8mb4 NO SQL
    RETURN LOAD_FILE(CONCAT(@@global.secure_file_priv, @@global.report_host, '.view'));

CREATE VIEW mysql.rds_topology AS
SELECT mysql.lab_number(member.server_id) AS id,
       CONCAT(member.server_id, '.', mysql.lab_domain()) AS endpoint, mysql.lab_port() AS port
FROM JSON_TABLE(mysql.lab_view(), '$[*]' COLUMNS (
         server_id varchar(63) PATH '$.server_id')) AS member;

GRANT SELECT ON mysql.rds_topology TO PUBLIC;
"""  # noqa: S608 -- as above
