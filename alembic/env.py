"""How alembic reaches the store: only through the connection that `eventstore.upgrade` hands over."""

from alembic import context
from sqlalchemy import text

connection = context.config.attributes["connection"]
context.configure(connection=connection, transactional_ddl=True, transaction_per_migration=True)
if connection.dialect.name == "sqlite":
    # The driver is in autocommit mode: the transaction is begun by hand, IMMEDIATE so that two upgrades cannot interleave.
    connection.execute(text("BEGIN IMMEDIATE"))
with context.begin_transaction():
    context.run_migrations()
connection.commit()
