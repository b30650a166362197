-- Parameters that are moved from their defaults. The defaults are those of StripePy's command line (1.3.0): the one
-- place to change when StripePy changes one. Runs that did not report the parameter do not count.
SELECT
    parameter.1 AS subcommand,
    parameter.2 AS field,
    parameter.3 AS default_value,
    countIf(parameter.4) AS runs,
    countIf(parameter.5) AS moved,
    moved / runs AS moved_share
FROM spans
ARRAY JOIN
[
    ('call', 'params.constrain_heights', 'false', `params.constrain_heights` IS NOT NULL, ifNull(`params.constrain_heights` != false, false)),
    ('call', 'params.genomic_belt', '5000000', `params.genomic_belt` IS NOT NULL, ifNull(`params.genomic_belt` != 5000000, false)),
    ('call', 'params.glob_pers_min', '0.04', `params.glob_pers_min` IS NOT NULL, ifNull(`params.glob_pers_min` != 0.04, false)),
    ('call', 'params.k', '3', `params.k` IS NOT NULL, ifNull(`params.k` != 3, false)),
    ('call', 'params.loc_pers_min', '0.33', `params.loc_pers_min` IS NOT NULL, ifNull(`params.loc_pers_min` != 0.33, false)),
    ('call', 'params.loc_trend_min', '0.25', `params.loc_trend_min` IS NOT NULL, ifNull(`params.loc_trend_min` != 0.25, false)),
    ('call', 'params.low_memory', 'false', `params.low_memory` IS NOT NULL, ifNull(`params.low_memory` != false, false)),
    ('call', 'params.max_width', '100000', `params.max_width` IS NOT NULL, ifNull(`params.max_width` != 100000, false)),
    ('call', 'params.nproc', '1', `params.nproc` IS NOT NULL, ifNull(`params.nproc` != 1, false)),
    ('download', 'params.end2end_test', 'false', `params.end2end_test` IS NOT NULL, ifNull(`params.end2end_test` != false, false)),
    ('download', 'params.list_only', 'false', `params.list_only` IS NOT NULL, ifNull(`params.list_only` != false, false)),
    ('download', 'params.unit_test', 'false', `params.unit_test` IS NOT NULL, ifNull(`params.unit_test` != false, false)),
    ('plot cm', 'params.highlight_seeds', 'false', `params.highlight_seeds` IS NOT NULL, ifNull(`params.highlight_seeds` != false, false)),
    ('plot cm', 'params.highlight_stripes', 'false', `params.highlight_stripes` IS NOT NULL, ifNull(`params.highlight_stripes` != false, false)),
    ('view', 'params.relative_change_threshold', '5', `params.relative_change_threshold` IS NOT NULL, ifNull(`params.relative_change_threshold` != 5, false))
] AS parameter
WHERE ({service:String} = '' OR `service.name` = {service:String})
    AND ({subcommand:String} = '' OR name = {subcommand:String})
    AND ({version:String} = '' OR `service.version` = {version:String})
    AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
    AND `service.name` = 'stripepy' AND name = parameter.1 AND parameter.4
GROUP BY subcommand, field, default_value
ORDER BY subcommand, field
