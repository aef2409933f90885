//! The weight of each wasm operator, as the IC counts instructions.
//!
//! Owns the table that wasmtime counts fuel by. Source: `instruction_to_cost` for 32-bit memories in
//! [`instrumentation.rs`](https://github.com/dfinity/ic/blob/master/rs/embedders/src/wasm_utils/instrumentation.rs).
//! What is not listed weighs 1 there and here.

use wasmtime::OperatorCost;

/// Wasmtime counts one unit for entering a function, the IC does not: a call weighs that much less.
pub(crate) const ENTRY: u64 = 1;

macro_rules! weigh {
    ($costs:ident: $($weight:literal => $($operator:ident),+;)+) => {
        $($($costs.$operator = $weight;)+)+
    };
}

/// The IC's table.
pub(crate) fn table() -> OperatorCost {
    let mut costs = OperatorCost::new();
    control(&mut costs);
    numbers(&mut costs);
    vectors(&mut costs);
    costs
}

fn control(costs: &mut OperatorCost) {
    weigh!(costs:
        0 => Block, Loop, Else, End;
        1 => Return, Drop, Unreachable, Nop;
        2 => If, Br, BrIf, BrTable, GlobalGet, GlobalSet, ReturnCall;
        4 => Call;
        9 => CallIndirect;
        59 => ReturnCallIndirect;
        5 => TableGet, TableSet, RefIsNull;
        20 => MemorySize;
        100 => TableSize, MemoryFill, MemoryCopy, MemoryInit, TableFill, TableCopy, TableInit;
        130 => RefFunc;
        255 => MemoryGrow, TableGrow, DataDrop, ElemDrop;
    );
}

fn numbers(costs: &mut OperatorCost) {
    weigh!(costs:
        10 => I32DivS, I32DivU, I32RemS, I32RemU, I64DivS, I64DivU, I64RemS, I64RemU;
        2 => F32Add, F32Sub, F32Mul, F32Ceil, F32Floor, F32Trunc, F32Nearest, F32Copysign;
        2 => F64Add, F64Sub, F64Mul, F64Ceil, F64Floor, F64Trunc, F64Nearest;
        3 => F32Div, F64Copysign;
        3 => F32Eq, F32Ne, F32Lt, F32Gt, F32Le, F32Ge, F64Eq, F64Ne, F64Lt, F64Gt, F64Le, F64Ge;
        3 => F32ConvertI32S, F64ConvertI64S, F32ConvertI64S, F64ConvertI32S;
        5 => F64Div, F32Sqrt;
        8 => F64Sqrt;
        16 => F64ConvertI32U, F32ConvertI64U, F32ConvertI32U, F64ConvertI64U;
        18 => F32Min, F32Max, F64Min, F64Max;
        20 => I64TruncSatF32S, I64TruncSatF32U, I64TruncSatF64S, I64TruncSatF64U;
        20 => I32TruncSatF32S, I32TruncSatF32U, I32TruncSatF64S, I32TruncSatF64U;
        20 => I32TruncF32S, I32TruncF32U, I32TruncF64S, I32TruncF64U;
        20 => I64TruncF32S, I64TruncF32U, I64TruncF64S, I64TruncF64U;
    );
}

fn vectors(costs: &mut OperatorCost) {
    weigh!(costs:
        3 => I8x16Shuffle, I8x16Popcnt, I8x16Shl, I8x16ShrS, I32x4ExtAddPairwiseI16x8U, I64x2ShrS;
        3 => I32x4TruncSatF64x2UZero;
        2 => I8x16LtU, I8x16GtU, I16x8LtU, I16x8GtU, I32x4LtU, I32x4GtU, I8x16ShrU;
        2 => I16x8ExtAddPairwiseI8x16U, I16x8Shl, I16x8ShrS, I16x8ShrU;
        2 => I16x8ExtMulHighI8x16S, I16x8ExtMulHighI8x16U;
        2 => I32x4Shl, I32x4ShrS, I32x4ShrU, I32x4Mul, I64x2Shl, I64x2ShrU;
        2 => I32x4ExtMulLowI16x8S, I32x4ExtMulHighI16x8S, I32x4ExtMulLowI16x8U, I32x4ExtMulHighI16x8U;
        2 => F32x4Ceil, F32x4Floor, F32x4Trunc, F32x4Nearest, F32x4Abs, F32x4Neg, F32x4Add, F32x4Sub, F32x4Mul;
        2 => F64x2Ceil, F64x2Floor, F64x2Trunc, F64x2Nearest, F64x2Abs, F64x2Neg, F64x2Add, F64x2Sub, F64x2Mul;
        2 => I32x4TruncSatF32x4S, I32x4TruncSatF64x2SZero;
        4 => I64x2Mul, F32x4Min, F32x4Max, F64x2Min, I32x4TruncSatF32x4U, F32x4ConvertI32x4U;
        5 => F32x4Sqrt, F64x2Max;
        10 => F32x4Div;
        12 => F64x2Div;
        14 => F64x2Sqrt;
    );
}
