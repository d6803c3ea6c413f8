import java.io.ByteArrayInputStream;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.*;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A session by MariaDB Connector/J: what it prints must be the same direct and through the proxy.
 * usage: java Session.java HOST PORT SOCKET USER PASSWORD DATABASE FOLDER
 */
public class Session {
    /** Of the session under way, by name; and of all. */
    static final List<String> named = new ArrayList<>();
    static final List<String> keys = new ArrayList<>();
    static String url, user, password, folder;

    interface Step { void run() throws Exception; }

    static String key(Object id) {
        String text = String.valueOf(id);
        if (!named.contains(text)) {
            named.add(text);
            keys.add(text);
        }
        return "K" + (named.indexOf(text) + 1);
    }
    static void say(String what, Object... values) {
        System.out.println(what + ": " + Arrays.stream(values).map(Session::text).collect(Collectors.joining(" | ")));
    }
    static String text(Object value) {
        if (value instanceof byte[]) return new BigInteger(1, (byte[]) value).toString(16);
        if (value instanceof int[]) return Arrays.toString((int[]) value);
        return String.valueOf(value);
    }
    static String failing(Step step) throws Exception {
        try {
            step.run();
            return "no error";
        } catch (SQLException e) {
            return e.getErrorCode() + " " + e.getSQLState() + " " + e.getMessage().replaceAll("conn=\\d+", "conn").replaceAll("\\d{5,}", "N");
        }
    }
    static Connection open(String options) throws SQLException {
        return DriverManager.getConnection(url + "?" + options, user, password);
    }
    static String rows(ResultSet result) throws SQLException {
        int columns = result.getMetaData().getColumnCount();
        List<String> rows = new ArrayList<>();
        while (result.next()) {
            List<String> row = new ArrayList<>();
            for (int i = 1; i <= columns; i++) row.add(text(result.getObject(i)));
            rows.add(row.toString());
        }
        return rows.toString();
    }
    static String rows(Connection db, String sql) throws SQLException {
        try (Statement s = db.createStatement()) {
            return rows(s.executeQuery(sql));
        }
    }
    static String generated(Statement s) throws SQLException {
        ResultSet ids = s.getGeneratedKeys();
        List<String> names = new ArrayList<>();
        while (ids.next()) names.add(key(ids.getLong(1)));
        return names.toString();
    }

    static void session(String options) throws Exception {
        Connection db = open(options);
        Statement s = db.createStatement();
        DatabaseMetaData meta = db.getMetaData();
        say("server", meta.getDatabaseProductVersion(), meta.getDriverVersion(), db.getCatalog(), db.getTransactionIsolation());
        s.execute("CREATE OR REPLACE TABLE t (id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60) UNIQUE, d DATE, dt DATETIME(6), ti TIME(3), "
            + "de DECIMAL(40,20), bu BIGINT UNSIGNED, bs BIGINT, do DOUBLE, b LONGBLOB, bi BIT(10), y YEAR)");
        PreparedStatement insert = db.prepareStatement("INSERT INTO t (name, d, dt, de, bu, bs, do, b) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", Statement.RETURN_GENERATED_KEYS);
        byte[] all = new byte[256];
        for (int i = 0; i < 256; i++) all[i] = (byte) i;
        for (String name : new String[] {"jina 日本 🦁 ü'\"\\", "second"}) {
            insert.setString(1, name);
            insert.setDate(2, Date.valueOf("2026-02-28"));
            insert.setTimestamp(3, Timestamp.valueOf("2026-02-28 23:59:59.123456"));
            insert.setBigDecimal(4, new BigDecimal("12345678901234567890.09876543210987654321"));
            insert.setObject(5, new BigInteger("18446744073709551615"));
            insert.setLong(6, Long.MIN_VALUE);
            insert.setDouble(7, 0.1);
            insert.setBytes(8, all);
            say("insert", insert.executeUpdate(), generated(insert));
        }
        for (int i = 1; i <= 8; i++) insert.setNull(i, Types.NULL);
        say("nulls", insert.executeUpdate(), generated(insert));
        say("text", rows(db, "SELECT name, d, dt, de, bu, bs, do, b, bi FROM t ORDER BY id"));
        PreparedStatement select = db.prepareStatement("SELECT name, d, dt, de, bu, bs, do, b FROM t WHERE bu > ? ORDER BY id");
        select.setLong(1, Long.MAX_VALUE);
        ResultSet found = select.executeQuery();
        ResultSetMetaData columns = found.getMetaData();
        for (int i = 1; i <= columns.getColumnCount(); i++)
            say("column", columns.getColumnName(i), columns.getColumnTypeName(i), columns.getPrecision(i), columns.getScale(i), columns.isNullable(i), columns.isSigned(i));
        say("binary", rows(found));

        PreparedStatement batch = db.prepareStatement("INSERT INTO t (name, bs) VALUES (?, ?)", Statement.RETURN_GENERATED_KEYS);
        for (int i = 0; i < 500; i++) {
            batch.setString(1, "b" + i);
            if (i % 7 == 0) batch.setNull(2, Types.BIGINT);
            else batch.setLong(2, (long) i << 50);
            batch.addBatch();
        }
        say("batch", Arrays.stream(batch.executeBatch()).filter(n -> n == 1 || n == Statement.SUCCESS_NO_INFO).count());
        say("its rows", rows(db, "SELECT COUNT(*), SUM(bs), MAX(id) - MIN(id) FROM t WHERE name LIKE 'b%'"));
        PreparedStatement update = db.prepareStatement("UPDATE t SET do = ? WHERE name = ?");
        for (int i = 0; i < 300; i++) {
            update.setInt(1, i);
            update.setString(2, "b" + i);
            update.addBatch();
        }
        update.executeBatch();
        say("updated", rows(db, "SELECT SUM(do) FROM t"));
        for (String sql : new String[] {"INSERT INTO t (name) VALUES ('x1')", "INSERT INTO t (name) VALUES ('x2'), ('x3')"}) s.addBatch(sql);
        say("statements", s.executeBatch());

        db.setAutoCommit(false);
        s.executeUpdate("INSERT INTO t (name) VALUES ('gone')");
        Savepoint savepoint = db.setSavepoint("here");
        s.executeUpdate("INSERT INTO t (name) VALUES ('gone too')");
        db.rollback(savepoint);
        say("to the savepoint", rows(db, "SELECT SUM(name LIKE 'gone%') FROM t"));
        db.rollback();
        db.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
        s.executeUpdate("INSERT INTO t (name) VALUES ('stays')", Statement.RETURN_GENERATED_KEYS);
        say("stays", generated(s), rows(db, "SELECT id = LAST_INSERT_ID() FROM t WHERE name = 'stays'"));
        db.commit();
        db.setAutoCommit(true);
        db.setTransactionIsolation(Connection.TRANSACTION_REPEATABLE_READ);
        say("after it", rows(db, "SELECT COUNT(*), SUM(name = 'gone') FROM t"));
        db.setReadOnly(true);
        db.setReadOnly(false);

        s.execute("CREATE OR REPLACE PROCEDURE two(IN n INT, OUT m INT) BEGIN SELECT n; SELECT n + 1, 'ü'; SET m = n * 2; END");
        CallableStatement call = db.prepareCall("{CALL two(?, ?)}");
        call.setInt(1, 5);
        call.registerOutParameter(2, Types.INTEGER);
        for (boolean more = call.execute(); more; more = call.getMoreResults()) say("set", rows(call.getResultSet()));
        say("out", call.getInt(2));
        try (Connection multi = open(options + "&allowMultiQueries=true&useAffectedRows=true"); Statement m = multi.createStatement()) {
            boolean more = m.execute("SELECT 1; UPDATE t SET y = 2000 WHERE name LIKE 'x%'; SELECT 2, 3");
            for (int i = 0; i < 3; i++, more = m.getMoreResults()) say("multi", more ? rows(m.getResultSet()) : m.getUpdateCount());
            say("changed", m.executeUpdate("UPDATE t SET y = 2000 WHERE name LIKE 'x%'"));
        }
        say("found", s.executeUpdate("UPDATE t SET y = 2000 WHERE name LIKE 'x%'"));

        byte[] big = "blob\0".repeat(3_400_000).getBytes(StandardCharsets.ISO_8859_1);
        PreparedStatement large = db.prepareStatement("UPDATE t SET b = ? WHERE name = 'x1'");
        large.setBinaryStream(1, new ByteArrayInputStream(big));
        say("big", large.executeUpdate());
        try (ResultSet back = s.executeQuery("SELECT b FROM t WHERE name = 'x1'")) {
            back.next();
            say("same", Arrays.equals(back.getBytes(1), big));
        }
        PreparedStatement fetched = db.prepareStatement("SELECT seq, REPEAT('z', seq % 100) FROM seq_1_to_20000", ResultSet.TYPE_FORWARD_ONLY, ResultSet.CONCUR_READ_ONLY);
        fetched.setFetchSize(100);
        try (ResultSet stream = fetched.executeQuery()) {
            long hash = 7;
            while (stream.next()) hash = hash * 31 + stream.getString(2).hashCode() + stream.getLong(1);
            say("streamed", hash);
        }
        Files.writeString(Path.of(folder, "load.tsv"), "l1\t2001-01-01\nl2\t2002-02-02\n");
        say("load", s.executeUpdate("LOAD DATA LOCAL INFILE '" + folder + "/load.tsv' INTO TABLE t (name, d)"));

        for (String sql : new String[] {"SELEKT", "INSERT INTO t (name) VALUES ('x1')", "SELECT * FROM nothing", "USE elsewhere", "INSERT INTO t (name, d) VALUES ('e', '2026-02-30')"})
            say("error", failing(() -> s.execute(sql)), failing(() -> db.prepareStatement(sql).execute()));
        s.execute("INSERT IGNORE INTO t (name, d) VALUES ('w', '2026-02-30')");
        for (SQLWarning w = s.getWarnings(); w != null; w = w.getNextWarning()) say("warning", w.getErrorCode(), w.getMessage());
        say("tables", rows(meta.getColumns(db.getCatalog(), null, "t", "n%")));
        say("keys", rows(meta.getIndexInfo(db.getCatalog(), null, "t", true, true)).length() > 20);
        say("valid", db.isValid(5));

        Connection victim = open(options);
        Statement v = victim.createStatement();
        ResultSet own = v.executeQuery("SELECT CONNECTION_ID()");
        own.next();
        long id = own.getLong(1);
        say("listed", rows(db, "SELECT COUNT(*) FROM information_schema.processlist WHERE id = " + id));
        v.setQueryTimeout(1);
        say("timed out", failing(() -> v.execute("SELECT SLEEP(30) FROM t")));
        v.setQueryTimeout(0);
        s.execute("KILL " + id);
        say("killed", !failing(() -> v.execute("SELECT 1")).equals("no error"), victim.isValid(1));
        say("wrong password", failing(() -> DriverManager.getConnection(url, user, "wrong")).substring(0, 10));
        db.close();
    }

    public static void main(String[] args) throws Exception {
        url = "jdbc:mariadb://" + args[0] + ":" + args[1] + "/" + args[5];
        user = args[3];
        password = args[4];
        folder = args[6];
        String common = "allowLocalInfile=true&connectTimeout=20000&sessionVariables=lc_time_names='fr_FR'";
        for (String options : new String[] {"", "&useServerPrepStmts=true", "&useServerPrepStmts=true&useBulkStmts=true", "&rewriteBatchedStatements=true", "&useCompression=true"}) {
            say("options", options);
            named.clear();
            session(common + options);
        }
        StringBuilder json = new StringBuilder();
        for (String k : keys) json.append(json.length() == 0 ? "" : ",").append('"').append(k).append('"');
        System.err.println("{\"keys\":[" + json + "]}");
    }
}
