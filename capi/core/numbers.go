// SPDX-License-Identifier: MIT

package main

/*
#include "core.h"
*/
import "C"

import "runspan/internal/contract"

// The contract's numbers are the headers': any other index does not compile.
var same [1]struct{}

var (
	_ = same[C.RUNSPAN_DONE-contract.Done]
	_ = same[C.RUNSPAN_NOT_DELIVERED-contract.NotDelivered]
	_ = same[C.RUNSPAN_DROPPED-contract.Dropped]
	_ = same[C.RUNSPAN_E_ARGUMENT-contract.EArgument]
	_ = same[C.RUNSPAN_E_HANDLE-contract.EHandle]
	_ = same[C.RUNSPAN_E_SCHEMA-contract.ESchema]
	_ = same[C.RUNSPAN_E_ENDPOINT-contract.EEndpoint]
	_ = same[C.RUNSPAN_E_NAME-contract.EName]
	_ = same[C.RUNSPAN_E_TYPE-contract.EType]
	_ = same[C.RUNSPAN_E_VALUE-contract.EValue]
	_ = same[C.RUNSPAN_E_TOO_LONG-contract.ETooLong]
	_ = same[C.RUNSPAN_E_TOO_LATE-contract.ETooLate]
	_ = same[C.RUNSPAN_E_TOO_MANY-contract.ETooMany]
	_ = same[C.RUNSPAN_E_INTERNAL-contract.EInternal]
	_ = same[C.RUNSPAN_CORE_SLICE-contract.SliceLowest]
	_ = same[C.RUNSPAN_PREVIEW-contract.FlagPreview]
	_ = same[C.RUNSPAN_CORE_TABLE-contract.FlagTable]
	_ = same[C.RUNSPAN_CORE_STRICT-contract.FlagStrict]
	_ = same[C.RUNSPAN_LOG_DEBUG-contract.LogDebug]
	_ = same[C.RUNSPAN_LOG_WARNING-contract.LogWarning]
	_ = same[C.RUNSPAN_LOG_ERROR-contract.LogError]
	_ = same[C.RUNSPAN_LOG_SPAN-contract.LogSpan]
)
