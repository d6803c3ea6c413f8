-- What a page without persistent connections does, at its shortest.

local driver

function thread_init()
  driver = sysbench.sql.driver()
end

function event()
  local connection = driver:connect()
  connection:query("SELECT id, title, body FROM bench_page WHERE id = " .. sysbench.rand.uniform(1, 10000))
  connection:disconnect()
end
