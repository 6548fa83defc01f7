"""The tools of the lab: how each is given the same migrations, and the command that applies them.

Every tool gets the same story: `create_orders`, `add_note`, `index_customer`; a case replaces the third migration by one
that fails. Versions are those that the registries had on the day of the recording; they stand in records/*/index.json.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

NODE_TOOLS = (
    "knex",
    "pg",
    "typeorm@0.3",
    "reflect-metadata",
    "sequelize",
    "sequelize-cli",
    "umzug",
    "node-pg-migrate",
    "dbmate",
    "@dbmate/linux-x64",
    "db-migrate",
    "db-migrate-pg",
    "postgres-migrations",
)
NODE_PACKAGES: Mapping[str, tuple[str, ...]] = {
    "node": NODE_TOOLS,
    "prisma": ("prisma@6.19.3", "@prisma/client@6.19.3", "@prisma/adapter-pg@6.19.3", "pg"),
    "drizzle": ("drizzle-orm", "drizzle-kit", "postgres", "pg"),
    "mikro": tuple(f"@mikro-orm/{name}@6.4.16" for name in ("core", "cli", "postgresql", "migrations", "knex", "reflection")),
}
PYTHON_PACKAGES = ("alembic", "sqlalchemy", "psycopg[binary]", "django<5.3", "yoyo-migrations", "psycopg2-binary")


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    up: str
    down: str


CREATE_ORDERS = Step("create_orders", "CREATE TABLE orders (id serial PRIMARY KEY, customer text NOT NULL)", "DROP TABLE orders")
ADD_NOTE = Step("add_note", "ALTER TABLE orders ADD COLUMN note text", "ALTER TABLE orders DROP COLUMN note")
INDEX_CUSTOMER = Step("index_customer", "CREATE INDEX orders_customer ON orders (customer)", "DROP INDEX orders_customer")
ADD_NOTE_AGAIN = Step("add_note_again", "ALTER TABLE orders ADD COLUMN note text", "SELECT 1")
NOTE_REQUIRED = Step(
    "note_required", "ALTER TABLE orders ALTER COLUMN note SET NOT NULL", "ALTER TABLE orders ALTER COLUMN note DROP NOT NULL"
)
BAD_SQL = Step("bad_sql", "ALTER TABEL orders ADD COLUMN x int", "SELECT 1")
GOOD = (CREATE_ORDERS, ADD_NOTE, INDEX_CUSTOMER)

Writer = Callable[[Path, Sequence[Step]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    name: str
    home: str  # the folder of the cache its packages live in: node, prisma, …, python, system
    write: Writer
    migrate: str  # shell command, in the project's folder
    version: str
    rollback: str | None = None
    status: str | None = None
    lock: tuple[str, ...] = ()  # statements that leave the tool's lock behind, after one good run
    hold: str | None = None  # a statement that holds the tool's lock from another session
    environment: Mapping[str, str] = field(default_factory=dict)
    silent: Mapping[str, str] = field(default_factory=dict)  # case -> the outcome that the log alone can tell
    skip: tuple[str, ...] = ()  # cases that mean nothing to this tool
    history: str | None = None  # the tool's own table, for "somebody truncated it"


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"), "utf-8")


def _stamp(number: int) -> str:
    return f"2025110{number}090000"


def _prisma(folder: Path, steps: Sequence[Step]) -> None:
    _put(
        folder / "prisma/schema.prisma",
        """
        datasource db {
          provider = "postgresql"
          url      = env("DATABASE_URL")
        }
        model orders {
          id       Int    @id @default(autoincrement())
          customer String
        }
        """,
    )
    # adapter-pg 6.19 cannot read PostgreSQL's types `name` (19) and `"char"` (18), which its own schema engine selects: read them as text (25)
    _put(
        folder / "prisma.config.ts",
        """
        import { defineConfig } from "prisma/config";
        import { PrismaPg } from "@prisma/adapter-pg";
        // @ts-ignore
        import Result from "pg/lib/result.js";
        const addFields = Result.prototype.addFields;
        Result.prototype.addFields = function (fields: any[]) {
          for (const field of fields) if (field.dataTypeID === 19 || field.dataTypeID === 18) field.dataTypeID = 25;
          return addFields.call(this, fields);
        };
        export default defineConfig({
          schema: "prisma/schema.prisma",
          experimental: { adapter: true },
          engine: "js",
          adapter: async () => new PrismaPg({ connectionString: process.env.DATABASE_URL }),
        });
        """,
    )
    _put(folder / "prisma/migrations/migration_lock.toml", 'provider = "postgresql"\n')
    for number, step in enumerate(steps, 1):
        _put(folder / f"prisma/migrations/{_stamp(number)}_{step.name}/migration.sql", step.up + ";\n")


def alembic_project(folder: Path, steps: Sequence[Step]) -> None:
    _put(
        folder / "alembic.ini",
        """
        [alembic]
        script_location = migrations
        [loggers]
        keys = root,sqlalchemy,alembic
        [handlers]
        keys = console
        [formatters]
        keys = generic
        [logger_root]
        level = WARNING
        handlers = console
        qualname =
        [logger_sqlalchemy]
        level = WARNING
        handlers =
        qualname = sqlalchemy.engine
        [logger_alembic]
        level = INFO
        handlers =
        qualname = alembic
        [handler_console]
        class = StreamHandler
        args = (sys.stderr,)
        level = NOTSET
        formatter = generic
        [formatter_generic]
        format = %(levelname)-5.5s [%(name)s] %(message)s
        """,
    )
    _put(
        folder / "migrations/env.py",
        """
        import os
        from logging.config import fileConfig
        from alembic import context
        from sqlalchemy import create_engine
        fileConfig(context.config.config_file_name)
        engine = create_engine(os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://"))
        with engine.connect() as connection:
            context.configure(connection=connection)
            with context.begin_transaction():
                context.run_migrations()
        """,
    )
    before = None
    for number, step in enumerate(steps, 1):
        revision = f"{number:04x}{'c0ffee12'}"
        _put(
            folder / f"migrations/versions/{revision}_{step.name}.py",
            f'''
            """{step.name.replace("_", " ")}"""
            from alembic import op
            revision = {revision!r}
            down_revision = {before!r}
            def upgrade():
                op.execute({step.up!r})
            def downgrade():
                op.execute({step.down!r})
            ''',
        )
        before = revision


def _django(folder: Path, steps: Sequence[Step]) -> None:
    _put(
        folder / "manage.py",
        """
        import os, sys
        os.environ["DJANGO_SETTINGS_MODULE"] = "settings"
        from django.core.management import execute_from_command_line
        execute_from_command_line(sys.argv)
        """,
    )
    _put(
        folder / "settings.py",
        """
        import os
        from urllib.parse import urlsplit
        url = urlsplit(os.environ["DATABASE_URL"])
        DATABASES = {
            "default": {
                "ENGINE": "django.db.backends.postgresql", "NAME": url.path[1:],
                "USER": url.username, "HOST": url.hostname, "PORT": url.port,
            }
        }
        INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "orders"]
        SECRET_KEY = "lab"
        DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
        USE_TZ = True
        """,
    )
    _put(folder / "orders/__init__.py", "\n")
    _put(folder / "orders/migrations/__init__.py", "\n")
    before = None
    for number, step in enumerate(steps, 1):
        name = f"{number:04d}_{step.name}"
        dependencies = [("orders", before)] if before else []
        _put(
            folder / f"orders/migrations/{name}.py",
            f"""
            from django.db import migrations
            class Migration(migrations.Migration):
                dependencies = {dependencies!r}
                operations = [migrations.RunSQL({step.up!r}, {step.down!r})]
            """,
        )
        before = name


def _knex(folder: Path, steps: Sequence[Step]) -> None:
    _put(folder / "knexfile.js", 'module.exports = { client: "pg", connection: process.env.DATABASE_URL };\n')
    for number, step in enumerate(steps, 1):
        _put(
            folder / f"migrations/{_stamp(number)}_{step.name}.js",
            f"""
            exports.up = (knex) => knex.raw({json.dumps(step.up)});
            exports.down = (knex) => knex.raw({json.dumps(step.down)});
            """,
        )


def _typeorm(folder: Path, steps: Sequence[Step]) -> None:
    _put(
        folder / "data-source.js",
        """
        const { DataSource } = require("typeorm");
        module.exports = new DataSource({ type: "postgres", url: process.env.DATABASE_URL, migrations: [__dirname + "/migrations/*.js"] });
        """,
    )
    for number, step in enumerate(steps, 1):
        words = "".join(word.title() for word in step.name.split("_"))
        stamp = f"17307168000{number:02d}"
        _put(
            folder / f"migrations/{stamp}-{words}.js",
            f"""
            module.exports.{words}{stamp} = class {words}{stamp} {{
              async up(queryRunner) {{ await queryRunner.query({json.dumps(step.up)}); }}
              async down(queryRunner) {{ await queryRunner.query({json.dumps(step.down)}); }}
            }};
            """,
        )


def _sequelize(folder: Path, steps: Sequence[Step]) -> None:
    _put(
        folder / "config/config.js", 'module.exports = { development: { url: process.env.DATABASE_URL, dialect: "postgres" } };\n'
    )
    for number, step in enumerate(steps, 1):
        _put(
            folder / f"migrations/{_stamp(number)}-{step.name}.js",
            f"""
            module.exports = {{
              up: (queryInterface) => queryInterface.sequelize.query({json.dumps(step.up)}),
              down: (queryInterface) => queryInterface.sequelize.query({json.dumps(step.down)}),
            }};
            """,
        )


def _umzug(folder: Path, steps: Sequence[Step]) -> None:
    _sequelize(folder, steps)
    _put(
        folder / "migrate.js",
        """
        const { Sequelize } = require("sequelize");
        const { Umzug, SequelizeStorage } = require("umzug");
        const sequelize = new Sequelize(process.env.DATABASE_URL, { logging: false });
        const umzug = new Umzug({
          migrations: {
            glob: "migrations/*.js",
            resolve: ({ name }) => ({ name, up: () => require("./migrations/" + name).up(sequelize.getQueryInterface()) }),
          },
          storage: new SequelizeStorage({ sequelize }),
          logger: console,
        });
        umzug.runAsCLI();
        """,
    )


def _drizzle(folder: Path, steps: Sequence[Step]) -> None:
    _put(
        folder / "drizzle.config.js",
        """
        module.exports = { dialect: "postgresql", out: "./drizzle", schema: "./schema.js", dbCredentials: { url: process.env.DATABASE_URL } };
        """,
    )
    _put(folder / "schema.js", "module.exports = {};\n")
    entries = []
    for number, step in enumerate(steps):
        tag = f"{number:04d}_{step.name}"
        _put(folder / f"drizzle/{tag}.sql", step.up + ";\n")
        entries.append({"idx": number, "version": "7", "when": 1730716800000 + number, "tag": tag, "breakpoints": True})
    _put(folder / "drizzle/meta/_journal.json", json.dumps({"version": "7", "dialect": "postgresql", "entries": entries}))
    _put(
        folder / "migrate.mjs",
        """
        import { drizzle } from "drizzle-orm/postgres-js";
        import { migrate } from "drizzle-orm/postgres-js/migrator";
        import postgres from "postgres";
        const client = postgres(process.env.DATABASE_URL, { max: 1 });
        console.log("Running migrations...");
        await migrate(drizzle(client), { migrationsFolder: "./drizzle" });
        await client.end();
        """,
    )


def _mikro(folder: Path, steps: Sequence[Step]) -> None:
    _put(
        folder / "package.json",
        '{"name": "lab", "dependencies": {"@mikro-orm/cli": "*", "@mikro-orm/core": "*"}, '
        '"mikro-orm": {"configPaths": ["./mikro-orm.config.js"]}}\n',
    )
    _put(
        folder / "mikro-orm.config.js",
        """
        const { defineConfig } = require("@mikro-orm/postgresql");
        const { Migrator } = require("@mikro-orm/migrations");
        const { EntitySchema } = require("@mikro-orm/core");
        const Order = new EntitySchema({
          name: "Order", tableName: "orders",
          properties: { id: { type: "number", primary: true }, customer: { type: "string" } },
        });
        module.exports = defineConfig({
          clientUrl: process.env.DATABASE_URL, entities: [Order], extensions: [Migrator],
          migrations: { path: "./migrations", glob: "*.js", snapshot: false },
        });
        """,
    )
    for number, step in enumerate(steps, 1):
        name = f"Migration{_stamp(number)}_{step.name}"
        _put(
            folder / f"migrations/{name}.js",
            f"""
            const {{ Migration }} = require("@mikro-orm/migrations");
            exports.{name} = class {name} extends Migration {{
              async up() {{ this.addSql({json.dumps(step.up)}); }}
              async down() {{ this.addSql({json.dumps(step.down)}); }}
            }};
            """,
        )


def _node_pg_migrate(folder: Path, steps: Sequence[Step]) -> None:
    for number, step in enumerate(steps, 1):
        _put(
            folder / f"migrations/17307168000{number:02d}_{step.name}.js",
            f"""
            exports.up = (pgm) => pgm.sql({json.dumps(step.up)});
            exports.down = (pgm) => pgm.sql({json.dumps(step.down)});
            """,
        )


def _dbmate(folder: Path, steps: Sequence[Step]) -> None:
    for number, step in enumerate(steps, 1):
        _put(
            folder / f"db/migrations/{_stamp(number)}_{step.name}.sql",
            f"-- migrate:up\n{step.up};\n\n-- migrate:down\n{step.down};\n",
        )


def _db_migrate(folder: Path, steps: Sequence[Step]) -> None:
    _put(folder / "database.json", '{"dev": {"ENV": "DATABASE_URL"}}\n')
    for number, step in enumerate(steps, 1):
        _put(
            folder / f"migrations/{_stamp(number)}-{step.name}.js",
            f"""
            exports.up = (db) => db.runSql({json.dumps(step.up)});
            exports.down = (db) => db.runSql({json.dumps(step.down)});
            exports._meta = {{ version: 1 }};
            """,
        )


def _postgres_migrations(folder: Path, steps: Sequence[Step]) -> None:
    for number, step in enumerate(steps, 1):
        _put(folder / f"migrations/{number}_{step.name}.sql", step.up + ";\n")
    _put(
        folder / "migrate.js",
        """
        const { migrate } = require("postgres-migrations");
        const { Client } = require("pg");
        (async () => {
          const client = new Client({ connectionString: process.env.DATABASE_URL });
          await client.connect();
          try { await migrate({ client }, "migrations"); } finally { await client.end(); }
        })().catch((error) => { console.error(error); process.exit(1); });
        """,
    )


def _yoyo(folder: Path, steps: Sequence[Step]) -> None:
    for number, step in enumerate(steps, 1):
        _put(folder / f"migrations/{number:04d}_{step.name}.sql", step.up + ";\n")
        _put(folder / f"migrations/{number:04d}_{step.name}.rollback.sql", step.down + ";\n")


def _rails(folder: Path, steps: Sequence[Step]) -> None:
    _put(
        folder / "Rakefile",
        """
        require "active_record"
        require "logger"
        include ActiveRecord::Tasks
        namespace :db do
          task :connect do
            ActiveRecord::Base.establish_connection(ENV["DATABASE_URL"])
          end
          task migrate: :connect do
            ActiveRecord::MigrationContext.new("db/migrate", ActiveRecord::SchemaMigration).migrate
          end
          task rollback: :connect do
            ActiveRecord::MigrationContext.new("db/migrate", ActiveRecord::SchemaMigration).rollback(1)
          end
          task abort_if_pending_migrations: :connect do
            context = ActiveRecord::MigrationContext.new("db/migrate", ActiveRecord::SchemaMigration)
            raise ActiveRecord::PendingMigrationError if context.needs_migration?
          end
        end
        """,
    )
    for number, step in enumerate(steps, 1):
        words = "".join(word.title() for word in step.name.split("_"))
        _put(
            folder / f"db/migrate/{_stamp(number)}_{step.name}.rb",
            f"""
            class {words} < ActiveRecord::Migration[6.1]
              def up
                execute {json.dumps(step.up)}
              end
              def down
                execute {json.dumps(step.down)}
              end
            end
            """,
        )


def _sqitch(folder: Path, steps: Sequence[Step]) -> None:
    _put(folder / "sqitch.conf", "[core]\n\tengine = pg\n[user]\n\tname = Lab\n\temail = lab@example.com\n")
    plan = ["%syntax-version=1.0.0", "%project=lab", ""]
    for number, step in enumerate(steps, 1):
        plan.append(f"{step.name} 2025-11-0{number}T09:00:00Z Lab <lab@example.com> # {step.name}")
        _put(folder / f"deploy/{step.name}.sql", f"BEGIN;\n{step.up};\nCOMMIT;\n")
        _put(folder / f"revert/{step.name}.sql", f"BEGIN;\n{step.down};\nCOMMIT;\n")
    _put(folder / "sqitch.plan", "\n".join(plan) + "\n")


def _sql_migrate(folder: Path, steps: Sequence[Step]) -> None:
    _put(
        folder / "dbconfig.yml",
        """
        development:
          dialect: postgres
          datasource: ${DATABASE_URL}?sslmode=disable
          dir: migrations
          table: gorp_migrations
        """,
    )
    for number, step in enumerate(steps, 1):
        _put(
            folder / f"migrations/{_stamp(number)}-{step.name}.sql",
            f"-- +migrate Up\n{step.up};\n\n-- +migrate Down\n{step.down};\n",
        )


def _node(package: str) -> str:
    return f"node -p \"JSON.parse(require('fs').readFileSync('node_modules/{package}/package.json')).version\""


PRISMA_ENVIRONMENT = {
    "PRISMA_QUERY_ENGINE_LIBRARY": "/bin/true",
    "PRISMA_SCHEMA_ENGINE_BINARY": "/bin/true",
    "CHECKPOINT_DISABLE": "1",
}
# what the log alone can tell where it says less than what happened
SAYS_NOTHING = dict.fromkeys(
    ("applied", "applied_last_of_three", "nothing_to_do", "script_applied_ready", "script_nothing_to_do_ready"), "unknown"
)
DRIZZLE_KIT = {
    **{
        f"failed_{what}": "unknown"
        for what in ("connection_refused", "no_database", "not_null", "syntax", "table_exists", "third_of_three")
    },
    **dict.fromkeys(("nothing_to_do", "script_nothing_to_do_ready"), "applied"),  # one line for both
}
TOOLS: tuple[Tool, ...] = (
    Tool(
        name="prisma",
        home="prisma",
        write=_prisma,
        migrate="prisma migrate deploy",
        version=_node("prisma"),
        status="prisma migrate status",
        environment=PRISMA_ENVIRONMENT,
        history="_prisma_migrations",
    ),
    Tool(
        name="alembic",
        home="python",
        write=alembic_project,
        migrate="alembic upgrade head",
        version="python -c 'import alembic; print(alembic.__version__)'",
        rollback="alembic downgrade -1",
    ),
    Tool(
        name="django",
        home="python",
        write=_django,
        migrate="python manage.py migrate",
        version="python -m django --version",
        rollback="python manage.py migrate orders 0002",
        status="python manage.py showmigrations",
    ),
    Tool(
        name="knex",
        home="node",
        write=_knex,
        migrate="knex migrate:latest",
        version=_node("knex"),
        rollback="knex migrate:rollback",
        status="knex migrate:list",
        lock=("UPDATE knex_migrations_lock SET is_locked = 1",),
    ),
    Tool(
        name="typeorm",
        home="node",
        write=_typeorm,
        migrate="typeorm migration:run -d data-source.js",
        version=_node("typeorm"),
        rollback="typeorm migration:revert -d data-source.js",
        status="typeorm migration:show -d data-source.js",
    ),
    Tool(
        name="sequelize",
        home="node",
        write=_sequelize,
        migrate="sequelize-cli db:migrate",
        version=_node("sequelize-cli"),
        rollback="sequelize-cli db:migrate:undo",
        status="sequelize-cli db:migrate:status",
    ),
    Tool(
        name="umzug",
        home="node",
        write=_umzug,
        migrate="node migrate.js up",
        version=_node("umzug"),
        status="node migrate.js pending",
        silent={"status_pending": "unknown"},
    ),
    Tool(
        name="drizzle-kit",
        home="drizzle",
        write=_drizzle,
        migrate="drizzle-kit migrate",
        version=_node("drizzle-kit"),
        silent=DRIZZLE_KIT,
    ),
    Tool(
        name="drizzle-orm",
        home="drizzle",
        write=_drizzle,
        migrate="node migrate.mjs",
        version=_node("drizzle-orm"),
        silent=SAYS_NOTHING,
    ),
    Tool(
        name="mikroorm",
        home="mikro",
        write=_mikro,
        migrate="mikro-orm migration:up",
        version=_node("@mikro-orm/migrations"),
        rollback="mikro-orm migration:down",
        status="mikro-orm migration:pending",
        skip=("failed_no_database",),  # it creates the database
    ),
    Tool(
        name="node-pg-migrate",
        home="node",
        write=_node_pg_migrate,
        migrate="node-pg-migrate up",
        version=_node("node-pg-migrate"),
        rollback="node-pg-migrate down",
        hold="SELECT pg_advisory_lock(7241865325823964), pg_sleep(8)",
    ),
    Tool(
        name="dbmate",
        home="node",
        write=_dbmate,
        migrate="dbmate --no-dump-schema migrate",
        version="dbmate --version",
        rollback="dbmate --no-dump-schema rollback",
        status="dbmate status",
        environment={"PGSSLMODE": "disable"},
        silent={"nothing_to_do": "unknown", "script_nothing_to_do_ready": "unknown"},
    ),
    Tool(
        name="db-migrate",
        home="node",
        write=_db_migrate,
        migrate="db-migrate up",
        version=_node("db-migrate"),
        rollback="db-migrate down",
    ),
    Tool(
        name="postgres-migrations",
        home="node",
        write=_postgres_migrations,
        migrate="node migrate.js",
        version=_node("postgres-migrations"),
        silent=SAYS_NOTHING,
    ),
    Tool(
        name="yoyo",
        home="python",
        write=_yoyo,
        migrate='yoyo apply --batch -d "$DATABASE_URL" ./migrations',
        version="python -c 'import importlib.metadata as m; print(m.version(\"yoyo-migrations\"))'",
        rollback='yoyo rollback --batch -r 0003_index_customer -d "$DATABASE_URL" ./migrations',
        silent={**SAYS_NOTHING, "rolled_back": "unknown"},
    ),
    Tool(
        name="rails",
        home="system",
        write=_rails,
        migrate="rake db:migrate",
        version="ruby -e 'require \"active_record\"; puts ActiveRecord::VERSION::STRING'",
        rollback="rake db:rollback",
        status="rake db:abort_if_pending_migrations",
        silent={"nothing_to_do": "unknown", "script_nothing_to_do_ready": "unknown"},
    ),
    Tool(
        name="sqitch",
        home="system",
        write=_sqitch,
        migrate='sqitch deploy "db:pg:$DATABASE_TARGET"',
        version="sqitch --version",
        rollback='sqitch revert -y --to @HEAD^ "db:pg:$DATABASE_TARGET"',
        status='sqitch status "db:pg:$DATABASE_TARGET"',
    ),
    Tool(
        name="sql-migrate",
        home="system",
        write=_sql_migrate,
        migrate="sql-migrate up",
        version="sql-migrate --version",
        rollback="sql-migrate down -limit=1",
        status="sql-migrate status",
        silent={"rolled_back": "applied"},
    ),
)
