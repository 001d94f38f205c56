#include "textflag.h"

// func dotRowsAVX2(dst *int32, query *int16, rows *int8, stride, n int)
//
// Each step widens 16 codes to 16 bit, multiplies them by 16 of the query and adds neighbours into 8
// sums of 32 bit. The caller sees to it that stride is a multiple of 32 and that no sum overflows.
TEXT ·dotRowsAVX2(SB), NOSPLIT, $0-40
	MOVQ dst+0(FP), DI
	MOVQ query+8(FP), SI
	MOVQ rows+16(FP), R8
	MOVQ stride+24(FP), R9
	MOVQ n+32(FP), R10
	TESTQ R10, R10
	JZ   done

row:
	VPXOR Y0, Y0, Y0
	VPXOR Y1, Y1, Y1
	MOVQ  SI, R11
	MOVQ  R9, CX

step:
	VPMOVSXBW (R8), Y2
	VPMOVSXBW 16(R8), Y3
	VPMADDWD  (R11), Y2, Y2
	VPMADDWD  32(R11), Y3, Y3
	VPADDD    Y2, Y0, Y0
	VPADDD    Y3, Y1, Y1
	ADDQ      $32, R8
	ADDQ      $64, R11
	SUBQ      $32, CX
	JNZ       step

	VPADDD       Y1, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0x4e, X0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0xb1, X0, X1
	VPADDD       X1, X0, X0
	VMOVD        X0, (DI)
	ADDQ         $4, DI
	DECQ         R10
	JNZ          row

done:
	VZEROUPPER
	RET
