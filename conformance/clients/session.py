"""A session by PyMySQL or mysqlclient: what it prints must be the same direct and through the proxy.

usage: python3 session.py (pymysql|MySQLdb) HOST PORT SOCKET USER PASSWORD DATABASE FOLDER
"""
import datetime
import decimal
import hashlib
import importlib
import json
import re
import sys
import warnings

module, host, port, socket, user, password, database, folder = sys.argv[1:]
driver = importlib.import_module(module)
cursors = importlib.import_module(module + ".cursors")
client_flags = importlib.import_module(module + ".constants.CLIENT" if module == "pymysql" else "MySQLdb.constants.CLIENT")
warnings.simplefilter("ignore")
sys.stdout.reconfigure(encoding="utf-8")
keys = []


def key_name(id):
    if not id:
        return "none"
    if id not in keys:
        keys.append(id)
    return "K%d" % (keys.index(id) + 1)


def say(what, *values):
    print(what + ":", " | ".join(repr(v) for v in values))


def failing(step):
    try:
        step()
        return "no error"
    except driver.Error as e:
        return type(e).__name__, e.args[0], re.sub(r"\d{5,}", "N", str(e.args[1]))


def connect(**changes):
    options = dict(user=user, password=password, database=database, charset="utf8mb4", local_infile=True)
    options.update(changes)
    if "unix_socket" not in options:
        options.update(host=host, port=int(port))
    return driver.connect(**options)


db = connect(init_command="SET lc_time_names = 'fr_FR'", autocommit=True, connect_timeout=20)
c = db.cursor()
say("server", db.get_server_info(), db.get_proto_info(), db.character_set_name())
c.execute("SELECT DATE_FORMAT('2026-02-03', '%M')")
say("init command", c.fetchone())
c.execute(
    "CREATE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60) UNIQUE, d DATE, dt DATETIME(6), ti TIME(3), "
    "de DECIMAL(40,20), bu BIGINT UNSIGNED, bs BIGINT, do DOUBLE, b LONGBLOB, bi BIT(10))"
)
insert = "INSERT INTO t (name, d, dt, ti, de, bu, bs, do, b) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
row = (
    "jina 日本 🦁 ü'\"\\",
    datetime.date(2026, 2, 28),
    datetime.datetime(2026, 2, 28, 23, 59, 59, 123456),
    datetime.timedelta(hours=-30, milliseconds=7),
    decimal.Decimal("12345678901234567890.09876543210987654321"),
    18446744073709551615,
    -9223372036854775808,
    0.1,
    bytes(range(256)),
)
say("insert", c.execute(insert, row), key_name(c.lastrowid), key_name(db.insert_id()))
say("many", c.executemany(insert, [("n%d" % i,) + row[1:] for i in range(5)]), key_name(c.lastrowid))
say("null", c.execute("INSERT INTO t (name) VALUES (NULL)"), key_name(c.lastrowid))
c.execute("SELECT name, d, dt, ti, de, bu, bs, do, b, bi FROM t ORDER BY id")
say("description", c.description)
for found in c.fetchall():
    say("row", *found)
c.execute("SELECT id FROM t WHERE name = %s", ("n0",))
say("key", key_name(c.fetchone()[0]))

db.autocommit(False)
c.execute("INSERT INTO t (name) VALUES ('gone')")
c.execute("SAVEPOINT s")
c.execute("INSERT INTO t (name) VALUES ('gone too')")
c.execute("ROLLBACK TO s")
c.execute("SELECT COUNT(*) FROM t")
say("in the transaction", c.fetchone())
db.rollback()
c.execute("INSERT INTO t (name) VALUES ('stays')")
say("stays", key_name(c.lastrowid))
db.commit()
db.autocommit(True)
c.execute("SELECT COUNT(*), SUM(name LIKE 'gone%') FROM t")
say("after it", c.fetchone())

c.execute("CREATE PROCEDURE two(n INT) BEGIN SELECT n; SELECT n + 1, 'ü'; END")
c.callproc("two", (5,))
while True:
    say("set", c.fetchall(), c.rowcount)
    if not c.nextset():
        break
flags = client_flags.MULTI_STATEMENTS | client_flags.FOUND_ROWS
multi = connect(client_flag=flags, autocommit=True)
m = multi.cursor()
m.execute("SELECT 1; INSERT INTO t (name) VALUES ('m1'), ('m2'); SELECT COUNT(*) FROM t; UPDATE t SET do = 0 WHERE do = 0.1; SELEKT")
while True:
    say("multi", m.fetchall(), m.rowcount, key_name(m.lastrowid))
    try:
        if not m.nextset():
            break
    except driver.Error as e:
        say("its error", e.args[0])
        break

big = b"blob\0" * 3_500_000
say("big", c.execute("UPDATE t SET b = %s WHERE name = 'n0'", (big,)))
c.execute("SELECT b FROM t WHERE name = 'n0'")
say("same", c.fetchone()[0] == big)
stream = db.cursor(cursors.SSCursor)
stream.execute("SELECT seq, REPEAT('z', seq %% 100) FROM seq_1_to_%s", (20000,))
digest = hashlib.md5()
for found in stream:
    digest.update(repr(found).encode())
say("streamed", digest.hexdigest())
stream.close()
named = db.cursor(cursors.DictCursor)
named.execute("SELECT name, bu FROM t WHERE bu > %s ORDER BY id LIMIT 1", (2**63,))
say("named", named.fetchall())

for sql in ["SELEKT", "INSERT INTO t (name) VALUES ('n0')", "SELECT * FROM nothing", "INSERT INTO t (name, d) VALUES ('e', '2026-02-30')", "USE elsewhere",
            "SIGNAL SQLSTATE '45001' SET MESSAGE_TEXT = 'hapana', MYSQL_ERRNO = 5000"]:
    say("error", failing(lambda: c.execute(sql)))
say("ignored", c.execute("INSERT IGNORE INTO t (name, d) VALUES ('w', '2026-02-30')"))
c.execute("SHOW WARNINGS")
say("warnings", c.fetchall())
say("changed", c.execute("UPDATE t SET do = 0 WHERE name = 'n1'"))
say("found", m.execute("UPDATE t SET do = 0 WHERE name = 'n1'"))
with open(folder + "/load.tsv", "w") as f:
    f.write("l1\t2026-01-01\nl2\t2026-01-02\n")
say("load", c.execute("LOAD DATA LOCAL INFILE '%s/load.tsv' INTO TABLE t (name, d)" % folder))

c.execute("SELECT CONNECTION_ID()")
say("thread id", c.fetchone()[0] == db.thread_id())
c.execute("SHOW PROCESSLIST")
ids = [found[0] for found in c.fetchall()]
say("process list", db.thread_id() in ids, multi.thread_id() in ids)
c.execute("KILL %d" % multi.thread_id())
killed = failing(lambda: m.execute("SELECT 1"))
say("killed", killed[0], killed[1] > 1900)
say("ping", failing(db.ping))
if module == "pymysql":
    old = db.thread_id()
    db.kill(old) if False else c.execute("SET @gone = 1")
    db.ping(reconnect=True)
    multi.ping(reconnect=True)
    m = multi.cursor()
    m.execute("SELECT 1")
    say("reconnected", m.fetchone())
else:
    db.change_user(user + "2", password, database)
    c = db.cursor()
    c.execute("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1), @gone")
    say("changed user", c.fetchone())
by_socket = connect(unix_socket=socket, user=user + "2")
s = by_socket.cursor()
s.execute("SELECT SUBSTRING_INDEX(CURRENT_USER(), '@', 1), DATABASE()")
say("by socket", s.fetchone())
by_socket.select_db("information_schema")
s.execute("SELECT DATABASE()")
say("selected", s.fetchone())
say("wrong password", failing(lambda: connect(password="wrong"))[:2])
say("no such schema", failing(lambda: connect(database="elsewhere")))
if module == "pymysql":
    say("without a schema", failing(lambda: connect(database=None)))
db.close()
by_socket.close()
print(json.dumps({"keys": [str(k) for k in keys]}), file=sys.stderr)
