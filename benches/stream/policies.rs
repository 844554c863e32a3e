//! The shipped policies, with an export that the contract lets stream.

/// File below `policies`, and what stands there instead of what.
pub(crate) const POLICIES_CHANGED: &[(&str, &[(&str, &str)])] = &[
    (
        "partners/acme.yaml",
        &[
            ("requests_per_minute: 6000", "requests_per_minute: 60000"),
            ("customers_per_day: 500", "customers_per_day: 5000"),
            (
                "page_records_max: 100",
                "page_records_max: 100\nlarge_answer_records_max: 10000000",
            ),
            ("\noperations:", "\noperations:\n  - exportBench"),
        ],
    ),
    // Who asks beside them, and is not to be stopped by a rate or a budget.
    (
        "partners/bluebird.yaml",
        &[("requests_per_minute: 600", "requests_per_minute: 60000")],
    ),
    (
        "catalogue/mailing.openapi.yaml",
        &[(
            "\npaths:\n",
            "\npaths:\n  /bench/export:\n    get:\n      operationId: exportBench\n      responses:\n        \
             '200':\n          description: Records\n          content:\n            application/json:\n              \
             schema:\n                type: object\n                properties:\n                  data:\n                    \
             type: array\n                    items:\n                      type: object\n                      \
             properties:\n                        customer: {type: string, maxLength: 64}\n                        \
             name: {type: string, maxLength: 256}\n                        note: {type: string}\n",
        )],
    ),
    (
        "catalogue/mailing.overlay.yaml",
        &[(
            "\nactions:\n",
            "\nactions:\n  - target: $.paths['/bench/export'].get\n    update: {x-covenant-channel: list}\n  \
             - target: $.paths['/bench/export'].get..properties.data.items\n    update: {x-covenant-record: true}\n  \
             - target: $.paths['/bench/export'].get..properties.customer\n    update: {x-covenant-data-category: \
             user.unique_id, x-covenant-customer-key: true}\n  - target: \
             $.paths['/bench/export'].get..properties.name\n    update: {x-covenant-data-category: user.name}\n",
        )],
    ),
];
