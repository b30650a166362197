-- Everything that is kept of one run.
SELECT *
FROM spans
WHERE `trace.span_id` = {span_id:String}
ORDER BY `trace.trace_id`
