"""How alembic reaches the store: only through the connection that `eventstore.upgrade` hands over."""

from alembic import context
from sqlalchemy import text

connection = context.config.attributes["connection"]
if connection.dialect.name == "sqlite":
    # The driver is in autocommit mode: the transaction is begun by hand, IMMEDIATE so that two upgrades cannot interleave. Before
    # `configure`: alembic then leaves it to us. Begun later, it would end with the first migration and the next would have none.
    connection.execute(text("BEGIN IMMEDIATE"))
context.configure(connection=connection, transactional_ddl=True, transaction_per_migration=False)
with context.begin_transaction():
    context.run_migrations()
connection.commit()
