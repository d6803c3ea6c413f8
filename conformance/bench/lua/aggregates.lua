-- Reports that read a whole table (about 20 ms), in 100 different texts.

local connection

function thread_init()
  connection = sysbench.sql.driver():connect()
end

function event()
  connection:query("SELECT author, COUNT(*), MAX(LENGTH(body)), MIN(title) FROM bench_report WHERE author <> " ..
    sysbench.rand.uniform(1, 100) .. " GROUP BY author")
end

function thread_done()
  connection:disconnect()
end
