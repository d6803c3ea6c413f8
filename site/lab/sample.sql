-- A small database in Moodle's shape: what the lab starts with when no --sql is given.
CREATE TABLE mdl_user (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  username VARCHAR(100) NOT NULL DEFAULT '',
  mnethostid BIGINT NOT NULL DEFAULT 0,
  firstname VARCHAR(100) NOT NULL DEFAULT '',
  lastname VARCHAR(100) NOT NULL DEFAULT '',
  email VARCHAR(100) NOT NULL DEFAULT '',
  lastaccess BIGINT NOT NULL DEFAULT 0,
  timemodified BIGINT NOT NULL DEFAULT 0,
  UNIQUE KEY mdl_user_mneuse_uix (mnethostid, username),
  KEY mdl_user_ema_ix (email)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE mdl_course (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  category BIGINT NOT NULL DEFAULT 0,
  sortorder BIGINT NOT NULL DEFAULT 0,
  fullname VARCHAR(254) NOT NULL DEFAULT '',
  shortname VARCHAR(255) NOT NULL DEFAULT '',
  summary LONGTEXT,
  visible TINYINT(1) NOT NULL DEFAULT 1,
  timemodified BIGINT NOT NULL DEFAULT 0,
  KEY mdl_cour_sho_ix (shortname)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE mdl_forum_discussions (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  course BIGINT NOT NULL DEFAULT 0,
  name VARCHAR(255) NOT NULL DEFAULT '',
  firstpost BIGINT NOT NULL DEFAULT 0,
  userid BIGINT NOT NULL DEFAULT 0,
  timemodified BIGINT NOT NULL DEFAULT 0,
  KEY mdl_forudisc_cou_ix (course)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE mdl_forum_posts (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  discussion BIGINT NOT NULL DEFAULT 0,
  parent BIGINT NOT NULL DEFAULT 0,
  userid BIGINT NOT NULL DEFAULT 0,
  created BIGINT NOT NULL DEFAULT 0,
  modified BIGINT NOT NULL DEFAULT 0,
  subject VARCHAR(255) NOT NULL DEFAULT '',
  message LONGTEXT NOT NULL,
  KEY mdl_forupost_dis_ix (discussion),
  KEY mdl_forupost_use_ix (userid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE mdl_grade_grades (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  itemid BIGINT NOT NULL,
  userid BIGINT NOT NULL,
  rawgrade DECIMAL(10,5) DEFAULT NULL,
  finalgrade DECIMAL(10,5) DEFAULT NULL,
  feedback LONGTEXT,
  timemodified BIGINT DEFAULT NULL,
  UNIQUE KEY mdl_gradgrad_useite_uix (userid, itemid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

CREATE TABLE mdl_user_preferences (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  userid BIGINT NOT NULL DEFAULT 0,
  name VARCHAR(255) NOT NULL DEFAULT '',
  value VARCHAR(1333) NOT NULL DEFAULT '',
  UNIQUE KEY mdl_userpref_usenam_uix (userid, name)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- A narrow key: its values come from blocks leased through the ring.
CREATE TABLE mdl_attendance (
  id INT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  userid BIGINT NOT NULL,
  day DATE NOT NULL,
  status ENUM('present', 'late', 'absent') NOT NULL DEFAULT 'present',
  remark VARCHAR(120) DEFAULT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

-- Local to each site by the profile: never travels.
CREATE TABLE mdl_sessions (
  id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
  sid VARCHAR(128) NOT NULL DEFAULT '',
  userid BIGINT NOT NULL DEFAULT 0,
  timemodified BIGINT NOT NULL DEFAULT 0,
  UNIQUE KEY mdl_sess_sid_uix (sid)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;

INSERT INTO mdl_user (id, username, mnethostid, firstname, lastname, email, timemodified) VALUES
  (2, 'admin', 1, 'Asha', 'Mushi', 'admin@example.org', 1735689600),
  (3, 'teacher', 1, 'Neema', 'Mollel', 'neema@example.org', 1735689600),
  (4, 'baraka', 1, 'Baraka', 'Kimaro', 'baraka@example.org', 1735689600),
  (5, 'juma', 1, 'Juma', 'Lyimo', 'juma@example.org', 1735689600),
  (6, 'zawadi', 1, 'Zawadi', 'Massawe', 'zawadi@example.org', 1735689600),
  (7, 'wanjiru', 1, 'Wanjirũ', 'Kamau', 'wanjiru@example.org', 1735689600);

INSERT INTO mdl_course (id, category, sortorder, fullname, shortname, summary, timemodified) VALUES
  (1, 0, 1, 'Mugumu Secondary School', 'mugumu', '', 1735689600),
  (2, 1, 10001, 'Biology, Form 2', 'bio2', 'Cells, plants, the body', 1735689600),
  (3, 1, 10002, 'Kiswahili, Form 1', 'kis1', 'Sarufi na fasihi', 1735689600);

INSERT INTO mdl_forum_discussions (id, course, name, firstpost, userid, timemodified) VALUES
  (1, 2, 'Why are leaves green?', 1, 3, 1735690000),
  (2, 3, 'Methali ya wiki', 3, 3, 1735690500);

INSERT INTO mdl_forum_posts (id, discussion, parent, userid, created, modified, subject, message) VALUES
  (1, 1, 0, 3, 1735690000, 1735690000, 'Why are leaves green?', 'Write what you found out.'),
  (2, 1, 1, 4, 1735690300, 1735690300, 'Re: Why are leaves green?', 'Because of chlorophyll.'),
  (3, 2, 0, 3, 1735690500, 1735690500, 'Methali ya wiki', 'Haba na haba hujaza kibaba.');

INSERT INTO mdl_grade_grades (id, itemid, userid, rawgrade, finalgrade, timemodified) VALUES
  (1, 1, 4, 14.00000, 14.00000, 1735691000),
  (2, 1, 5, 11.50000, 11.50000, 1735691000);

INSERT INTO mdl_user_preferences (id, userid, name, value) VALUES
  (1, 4, 'htmleditor', 'atto'),
  (2, 5, 'forum_discussionlistsortorder', '1');

INSERT INTO mdl_attendance (id, userid, day, status) VALUES
  (1, 4, '2025-01-06', 'present'),
  (2, 5, '2025-01-06', 'late'),
  (3, 6, '2025-01-06', 'present');
