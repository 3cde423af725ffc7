# shellcheck shell=bash
# Read by the entry point of the image, which knows docker_process_sql. Not executable, so that it is read and not run.
# What sheetwire needs, and nothing more.
docker_process_sql <<SQL
CREATE USER 'sheetwire'@'%' IDENTIFIED BY '$(cat /run/secrets/mysql_sheetwire)' REQUIRE SSL;
GRANT REPLICATION SLAVE, REPLICATION CLIENT ON *.* TO 'sheetwire'@'%';
GRANT SELECT ON shop.* TO 'sheetwire'@'%';
SQL
