-- Parameters that are moved from their defaults. The defaults are those of StripePy's command line (1.3.0): the one
-- place to change when StripePy changes one. Runs that did not report the parameter do not count. A threshold that is
-- not given is reported as 0 by plot cm, and as the largest double where it is an upper one. Values are compared as
-- numbers or as texts, whatever the column's type is: another program's schema may have made it wider.
SELECT
    name AS subcommand,
    parameter.2 AS field,
    parameter.3 AS default_value,
    sum("/together") AS runs,
    sumIf("/together", ifNull(toFloat64OrNull(parameter.4) != toFloat64OrNull(parameter.3), parameter.4 != parameter.3))
        AS moved,
    moved / runs AS moved_share
FROM
(
    -- First all runs that are the same: to make text of each run's values would take longer.
    SELECT
        name,
        `params.coefficient_of_variation_threshold`,
        `params.constrain_heights`,
        `params.contact_map_raw_interactions`,
        `params.end2end_test`,
        `params.genomic_belt`,
        `params.glob_pers_min`,
        `params.highlight_seeds`,
        `params.highlight_stripes`,
        `params.k`,
        `params.list_only`,
        `params.loc_pers_min`,
        `params.loc_trend_min`,
        `params.low_memory`,
        `params.max_width`,
        `params.nproc`,
        `params.relative_change_threshold`,
        `params.unit_test`,
        count() AS "/together"
    FROM runs
    WHERE ({service:String} = '' OR `service.name` = {service:String})
        AND ({subcommand:String} = '' OR name = {subcommand:String})
        AND ({version:String} = '' OR {version:String} IN (`run.version`, `run.release`))
        AND timestamp >= {from:DateTime('UTC')} AND timestamp < {to:DateTime('UTC')}
        AND `service.name` = 'stripepy'
    GROUP BY ALL
)
ARRAY JOIN
[
    ('call', 'params.constrain_heights', 'false', toString(`params.constrain_heights`)),
    ('call', 'params.contact_map_raw_interactions', 'true', toString(`params.contact_map_raw_interactions`)),
    ('call', 'params.genomic_belt', '5000000', toString(`params.genomic_belt`)),
    ('call', 'params.glob_pers_min', '0.04', toString(`params.glob_pers_min`)),
    ('call', 'params.k', '3', toString(`params.k`)),
    ('call', 'params.loc_pers_min', '0.33', toString(`params.loc_pers_min`)),
    ('call', 'params.loc_trend_min', '0.25', toString(`params.loc_trend_min`)),
    ('call', 'params.low_memory', 'false', toString(`params.low_memory`)),
    ('call', 'params.max_width', '100000', toString(`params.max_width`)),
    ('call', 'params.nproc', '1', toString(`params.nproc`)),
    ('download', 'params.end2end_test', 'false', toString(`params.end2end_test`)),
    ('download', 'params.list_only', 'false', toString(`params.list_only`)),
    ('download', 'params.unit_test', 'false', toString(`params.unit_test`)),
    ('plot cm', 'params.coefficient_of_variation_threshold', 'none',
        replaceRegexpOne(toString(`params.coefficient_of_variation_threshold`), '^1[.]7976931348623157e[+]?308$', 'none')),
    ('plot cm', 'params.highlight_seeds', 'false', toString(`params.highlight_seeds`)),
    ('plot cm', 'params.highlight_stripes', 'false', toString(`params.highlight_stripes`)),
    ('plot cm', 'params.relative_change_threshold', '0', toString(`params.relative_change_threshold`)),
    ('view', 'params.coefficient_of_variation_threshold', 'none',
        replaceRegexpOne(toString(`params.coefficient_of_variation_threshold`), '^1[.]7976931348623157e[+]?308$', 'none')),
    ('view', 'params.relative_change_threshold', '5', toString(`params.relative_change_threshold`))
] AS parameter
WHERE parameter.1 = name AND parameter.4 IS NOT NULL
GROUP BY subcommand, field, default_value
ORDER BY subcommand, field
