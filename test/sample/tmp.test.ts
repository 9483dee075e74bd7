import "../../scripts/sample/windows.ts";
import "../../scripts/sample/loss.ts";
import "../../scripts/sample/adamw.ts";
import "../../scripts/sample/tokenizerFiles.ts";
import "../../scripts/sample/bpe.ts";
import "../../scripts/sample/make.ts";
