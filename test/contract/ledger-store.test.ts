/** One contract, two implementations: what the simulation proves in memory then holds on PostgreSQL. */
import { describe } from "bun:test";
import { openMemoryBench, openPostgresBench } from "../support/ledger-bench.ts";
import { leaseSizeCases, ledgerStoreCases } from "./ledger-store-cases.ts";

describe("leases", leaseSizeCases);
describe("the ledger in memory", () => ledgerStoreCases(openMemoryBench));
describe("the ledger on PostgreSQL", () => ledgerStoreCases(openPostgresBench));
