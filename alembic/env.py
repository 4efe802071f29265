"""How alembic reaches the store: only through the connection that `eventstore.upgrade` hands over."""

from alembic import context
from sqlalchemy import text

connection = context.config.attributes["connection"]
if connection.dialect.name == "sqlite":
    # The driver is in autocommit mode: the transaction is begun by hand, IMMEDIATE so that two upgrades cannot interleave.
    connection.execute(text("BEGIN IMMEDIATE"))
# One transaction for all migrations: with one for each, only the first would have a BEGIN.
context.configure(connection=connection, transactional_ddl=True, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
