import { counterOf, keyedTables } from './site-keys';

const counters = keyedTables
  .filter((table) => table !== 'key_log')
  .map((table) => `ALTER TABLE ${table} AUTO_INCREMENT = ${counterOf(table)};`)
  .join(' ');

/** The rows that a sequence begins with. Counters stand where they stood, too. */
export const rowsSql = `
USE app; SET foreign_key_checks = 0;
DELETE FROM words; DELETE FROM other; DELETE FROM plain; DELETE FROM counted; DELETE FROM keyed; DELETE FROM kept; DELETE FROM key_log; DELETE FROM made; DELETE FROM versioned;
DELETE HISTORY FROM versioned; DELETE FROM log; DELETE FROM traced; DELETE FROM child; DELETE FROM parent; DELETE FROM second.words;
INSERT INTO words VALUES (1, 'moja', 1), (2, 'mbili', 2), (3, 'tatu é', 3), (4, 'nne', 4), (5, NULL, NULL);
INSERT INTO other VALUES (1, 10, '2024-02-29 12:00:00', 1.50), (2, 20, '2024-05-01 00:00:00', 2.25), (3, 20, NULL, NULL);
INSERT INTO plain VALUES (1, 1), (2, 2);
INSERT INTO counted VALUES (1, 100);
INSERT INTO keyed VALUES (7, 'saba'), (9, 'tisa');
INSERT INTO made (id, a) VALUES (1, 1), (2, 2);
INSERT INTO versioned VALUES (1, 1), (2, 2);
INSERT INTO traced VALUES (1, 1), (2, 2);
INSERT INTO parent VALUES (1, 1), (2, 2);
INSERT INTO child VALUES (1, 1), (2, 2), (3, 1);
INSERT INTO second.words VALUES (1, 'pili', 101), (2, 'nyingine', 102);
ALTER SEQUENCE numbers RESTART 1; ${counters} SET foreign_key_checks = 1;
`;

/** What sessions find: tables of all kinds and what stands on them. Rows come behind. */
export const tablesSql = `
DROP DATABASE IF EXISTS app; DROP DATABASE IF EXISTS second;
CREATE DATABASE app CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci; CREATE DATABASE second; USE app;
CREATE TABLE words (id INT PRIMARY KEY, w VARCHAR(20), n INT);
CREATE TABLE other (id INT PRIMARY KEY, n INT, day DATETIME, price DECIMAL(8,2));
CREATE TABLE plain (id INT PRIMARY KEY, n INT) ENGINE = MyISAM;
CREATE TABLE counted (id BIGINT AUTO_INCREMENT PRIMARY KEY, n INT UNIQUE);
CREATE TABLE keyed (id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, w VARCHAR(20));
CREATE TABLE kept (n INT, id BIGINT AUTO_INCREMENT, KEY (id)) ENGINE = MyISAM;
CREATE TABLE key_log (id BIGINT, at INT DEFAULT 0);
CREATE TRIGGER logged AFTER INSERT ON keyed FOR EACH ROW INSERT INTO key_log VALUES (NEW.id, CHAR_LENGTH(NEW.w));
CREATE VIEW shown AS SELECT id, w FROM keyed;
CREATE TABLE made (id INT PRIMARY KEY, a INT, b INT AS (a * 2) PERSISTENT, c VARCHAR(20) AS (CONCAT('x', a)) VIRTUAL);
CREATE TABLE versioned (id INT PRIMARY KEY, n INT) WITH SYSTEM VERSIONING;
CREATE TABLE traced (id INT PRIMARY KEY, n INT);
CREATE TABLE log (at INT, n INT);
CREATE TRIGGER trace AFTER UPDATE ON traced FOR EACH ROW INSERT INTO log VALUES (NEW.id, NEW.n);
CREATE TRIGGER refuse BEFORE INSERT ON traced FOR EACH ROW
  IF NEW.n < 0 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'hapana', MYSQL_ERRNO = 4711; END IF;
CREATE TABLE parent (id INT PRIMARY KEY, n INT);
CREATE TABLE child (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES parent (id) ON UPDATE CASCADE ON DELETE SET NULL);
CREATE TABLE second.words (id INT PRIMARY KEY, w VARCHAR(20), n INT);
CREATE VIEW evens AS SELECT id, w, n FROM words WHERE n % 2 = 0;
CREATE VIEW sums AS SELECT o.n, COUNT(*) AS c FROM other o LEFT JOIN evens e ON e.id = o.id GROUP BY o.n;
CREATE SEQUENCE numbers;
CREATE FUNCTION twice(a INT) RETURNS INT DETERMINISTIC RETURN a * 2;
CREATE FUNCTION how_many() RETURNS INT READS SQL DATA RETURN (SELECT COUNT(*) FROM words);
CREATE FUNCTION set_n(v INT) RETURNS INT MODIFIES SQL DATA
  BEGIN UPDATE words SET n = v WHERE id = 3; RETURN v; END;
CREATE FUNCTION remembers(v INT) RETURNS INT BEGIN SET @remembered = v; RETURN v; END;
CREATE FUNCTION precision_of(v INT) RETURNS INT BEGIN SET SESSION div_precision_increment = v; RETURN v; END;
CREATE VIEW written AS SELECT set_n(91) AS v;
CREATE PROCEDURE results() BEGIN SELECT id, n FROM words ORDER BY id; SELECT 1 AS a; DO 1; SELECT NULL LIMIT 0; END;
CREATE PROCEDURE signals() BEGIN SELECT 'before'; SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'hapana', MYSQL_ERRNO = 4711; END;
CREATE PROCEDURE warns() BEGIN SELECT CAST('x' AS INT); SIGNAL SQLSTATE '01234' SET MESSAGE_TEXT = 'pole'; END;
CREATE PROCEDURE handles() BEGIN
  DECLARE CONTINUE HANDLER FOR SQLEXCEPTION BEGIN GET DIAGNOSTICS CONDITION 1 @what = MESSAGE_TEXT; END;
  INSERT INTO words VALUES (1, 'again', 1); SELECT @what; END;
CREATE PROCEDURE writes(v INT) BEGIN UPDATE words SET n = v WHERE id = 2; UPDATE other SET n = v WHERE id = 2; END;
CREATE PROCEDURE hides() CREATE TEMPORARY TABLE IF NOT EXISTS words (id INT, w VARCHAR(5), n INT);
CREATE PROCEDURE unhides() DROP TEMPORARY TABLE IF EXISTS words;
CREATE PROCEDURE changes() BEGIN START TRANSACTION; UPDATE words SET n = 44 WHERE id = 4; ROLLBACK; SET @remembered = 4;
  CREATE TEMPORARY TABLE IF NOT EXISTS plain (id INT, n INT); INSERT INTO plain VALUES (6, 6); SELECT n FROM plain;
  DROP TEMPORARY TABLE plain; END;
CREATE PROCEDURE opens() BEGIN DECLARE v INT; DECLARE c CURSOR FOR SELECT n FROM words ORDER BY id; OPEN c; FETCH c INTO v;
  SELECT v; CLOSE c; SET autocommit = 1, sql_mode = 'ANSI'; SIGNAL SQLSTATE '02000'; END;
CREATE PROCEDURE moves() BEGIN DECLARE c CURSOR FOR SELECT 1; OPEN c; SELECT id, n, w FROM words ORDER BY id; UPDATE words SET n = 31;
  SELECT n FROM words; CLOSE c; END;
CREATE PROCEDURE sets(OUT v INT) BEGIN SET v = 7, sql_select_limit = 2; END;
`;

export const tables = [
  ...['words', 'other', 'plain', 'counted', 'made', 'versioned', 'traced', 'log', 'parent', 'child', 'evens', 'sums'],
  ...['keyed', 'kept', 'key_log', 'shown'],
];

/** As whom sessions log in, and whom they change to. The second has no password: see `changeUser`. */
export const accountsSql = `
GRANT ALL ON second.* TO app@localhost; GRANT ALL ON second.* TO app@'%';
CREATE USER wazi@localhost IDENTIFIED BY ''; GRANT ALL ON app.* TO wazi@localhost; GRANT SELECT ON second.* TO wazi@localhost;
`;
