-- Everything that is kept of one run. All rows are looked through for its ids alone; by these its row is found at once.
SELECT *
FROM spans
WHERE (`trace.trace_id`, `trace.span_id`) IN
(
    SELECT `trace.trace_id`, `trace.span_id`
    FROM spans
    WHERE `trace.span_id` = {span_id:String}
)
ORDER BY `trace.trace_id`
