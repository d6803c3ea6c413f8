-- One row into a table whose AUTO_INCREMENT column gives the key, each in a transaction of its own.

local connection

function thread_init()
  connection = sysbench.sql.driver():connect()
end

function event()
  connection:query("INSERT INTO bench_post (author, body) VALUES (" .. sysbench.rand.uniform(1, 500) ..
    ", 'maneno maneno maneno maneno maneno')")
end

function thread_done()
  connection:disconnect()
end
