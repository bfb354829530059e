/**
 * What becomes of LiteLLM's settings, by section: the table that is shown in docs/guides/migrate-from-litellm.md. Rows of
 * fate `taken` have code that looks at them; the others are applied as they stand here. Data.
 */
import type { Fate } from "./findings.ts";

export type SectionName =
  | "top"
  | "model_list"
  | "litellm_params"
  | "model_info"
  | "router_settings"
  | "litellm_settings"
  | "general_settings";

export type SettingRow = {
  readonly names: readonly string[];
  readonly fate: Fate;
  readonly becomes: string;
};

const row =
  (fate: Fate) =>
  (names: string, becomes: string): SettingRow => ({ names: names.split(" "), fate, becomes });
const taken = row("taken");
const ignored = row("ignored");
const refused = row("refused");

const OWN_DATABASE = "Baseload keeps its own database: DATABASE_URL, or the one it brings";
const OWN_CIRCUIT = "Baseload opens circuits and rests credentials by its own rules";
const NO_REDIS = "Baseload needs no Redis: limits hold over all processes of a machine";
const CALLER_SAYS = "requests are not changed: have the callers send it";
const KEYS = "keys are made in Baseload: baseload key create, with --budget-usd, --rpm and --tpm";
const SIGN_IN = "there is one operator token and no sign-in for users";
const NO_SERVER =
  "the server is configured by Baseload's own settings: docs/reference/configuration.md";
const NO_ALERTS = "there are no alerts; watch /metrics";
const REQUEST_DEFAULTS =
  "temperature max_tokens max_completion_tokens top_p top_k n stop seed presence_penalty frequency_penalty response_format tools tool_choice reasoning_effort thinking logit_bias user safety_settings service_tier";

export const settingTable: Readonly<Record<SectionName, readonly SettingRow[]>> = {
  top: [
    taken("model_list", "providers, credentials, models, limits and routes, see below"),
    taken("router_settings litellm_settings general_settings", "see below"),
    taken("environment_variables", "values of `os.environ/…` in the same file; others are ignored"),
    taken("credential_list", "settings of deployments that name one by `litellm_credential_name`"),
    refused("include", "put the files together first, or import them one by one"),
    refused("guardrails policies prompts", "Baseload has none yet"),
    refused(
      "mcp_servers mcp_tools vector_store_registry search_tools agent_list",
      "Baseload does not serve them",
    ),
    refused(
      "callback_settings assistant_settings finetune_settings files_settings",
      "Baseload has its own ways, see docs/guides",
    ),
  ],
  model_list: [
    taken(
      "model_name",
      "the model that clients call; several entries of one name: its deployments, and a route",
    ),
    taken("litellm_params model_info", "see below"),
  ],
  litellm_params: [
    taken("model custom_llm_provider", "the provider, and the model's name there"),
    taken("api_base base_url", "the provider's address; private ones are allowed"),
    taken(
      "api_key",
      "a credential; several of one model at one address: one provider with several credentials",
    ),
    taken("api_version", "of Azure: the query parameter api-version, or its API v1"),
    taken("litellm_credential_name", "the settings that `credential_list` gives under this name"),
    taken("organization", "of OpenAI: the header openai-organization"),
    taken("extra_headers headers", "headers of every call, unless they may hold a secret"),
    taken("region_name", "the provider's region"),
    taken(
      "aws_region_name aws_access_key_id aws_secret_access_key aws_session_token aws_bedrock_runtime_endpoint",
      "the region, the credential and the address of Bedrock",
    ),
    taken(
      "vertex_project vertex_ai_project vertex_location vertex_ai_location vertex_credentials",
      "the address, the region and the credential of Vertex AI",
    ),
    taken(
      "rpm tpm",
      "limits of the model, where all its deployments have one; weights, where LiteLLM draws by them",
    ),
    taken(
      "max_parallel_requests",
      "the model's limit of calls at once, where all its deployments have one",
    ),
    taken("weight", "the target's weight in the route, or the credential's within a provider"),
    taken("order", "the tier in the route"),
    taken("timeout", "the route's timeout until the first byte: the longest of its deployments"),
    taken("max_retries num_retries", "how often the route asks a candidate again"),
    taken(
      "input_cost_per_token output_cost_per_token …_cost_…",
      "the model's price, exact to the last digit; also by length of the input, batch, flex and priority",
    ),
    refused(
      "stream_timeout",
      "there is one timeout until the first byte; callers can send x-baseload-timeout-ms",
    ),
    refused(REQUEST_DEFAULTS, CALLER_SAYS),
    refused(
      "mock_response",
      "for tests there is the sandbox: docs/guides/test-with-the-sandbox.md",
    ),
    refused("tags", "write a condition on metadata: docs/guides/routing.md"),
    refused(
      "max_budget budget_duration",
      "budgets are of projects and keys: baseload key create --budget-usd",
    ),
    refused(
      "azure_ad_token tenant_id client_id client_secret azure_username azure_password azure_scope",
      "Azure is called with its API keys",
    ),
    refused(
      "aws_role_name aws_session_name aws_profile_name aws_web_identity_token aws_sts_endpoint aws_external_id",
      "Bedrock is called with an access key or an API key: baseload provider credential add",
    ),
    refused(
      "auto_router_config auto_router_config_path auto_router_default_model auto_router_embedding_model",
      "write conditions: docs/guides/routing.md",
    ),
    refused(
      "additional_drop_params allowed_openai_params modify_params configurable_clientside_auth_params",
      CALLER_SAYS,
    ),
    ignored(
      "drop_params",
      "what a provider cannot do is refused with the field's name, never dropped",
    ),
    ignored(
      "use_in_pass_through use_litellm_proxy merge_reasoning_content_in_choices cooldown_time",
      OWN_CIRCUIT,
    ),
  ],
  model_info: [
    taken("max_tokens max_output_tokens", "the model's limit of output tokens"),
    taken("max_input_tokens", "the model's context"),
    taken(
      "supports_function_calling supports_response_schema supports_reasoning",
      "false: the model is said not to be able; true needs no word",
    ),
    taken(
      "supports_vision supports_audio_input supports_pdf_input supports_video_input",
      "false: the model is said not to read it; true needs no word",
    ),
    taken("input_cost_per_token …_cost_…", "as in litellm_params, which come first"),
    taken(
      "base_model",
      "which model it is: for its price, and for which deployments of one name are the same",
    ),
    taken(
      "mode",
      "chat, embeddings, images, sound, rerank, moderation need no word; other modes are refused",
    ),
    ignored("id", "deployments have ids of their own"),
    ignored(
      "litellm_provider key db_model created_at updated_at created_by updated_by",
      "LiteLLM's own bookkeeping",
    ),
    ignored(
      "supports_tool_choice supports_parallel_function_calling supports_prompt_caching supports_system_messages supports_assistant_prefill supports_audio_output supports_web_search supports_native_streaming supports_computer_use supports_url_context",
      "a provider that cannot do it says so itself",
    ),
    ignored("description metadata source version tier", "descriptions are not kept"),
    refused(
      "access_groups team_id team_public_model_name",
      "keys are not bound to models: give an organization a route of its own",
    ),
    refused(
      "health_check_model health_check_timeout disable_background_health_check",
      "try a provider with: baseload provider test",
    ),
    refused("output_vector_size", "clients say `dimensions`"),
  ],
  router_settings: [
    taken("routing_strategy", "the strategy of the route's tiers"),
    taken("fallbacks default_fallbacks", "further tiers of the route"),
    taken(
      "context_window_fallbacks",
      "a tier for inputs that are longer than `max_input_tokens` of the model",
    ),
    taken("model_group_alias", "aliases of the route"),
    taken("num_retries max_retries", "how often the route asks a candidate again"),
    taken("retry_policy", "the same, by what went wrong"),
    taken("timeout", "the route's timeout until the first byte"),
    taken("retry_after", "the wait before a candidate is asked again"),
    taken("max_fallbacks", "how deep fallbacks of fallbacks go"),
    refused(
      "content_policy_fallbacks",
      "what a provider refuses for its content is told to the caller and asked nowhere else",
    ),
    refused(
      "stream_timeout",
      "there is one timeout until the first byte; callers can send x-baseload-timeout-ms",
    ),
    refused("model_group_retry_policy", "set the route's retry: docs/guides/routing.md"),
    refused(
      "enable_tag_filtering tag_filtering_match_any",
      "write a condition on metadata: docs/guides/routing.md",
    ),
    refused(
      "provider_budget_config",
      "budgets are of projects and keys: baseload key create --budget-usd",
    ),
    refused("default_litellm_params", CALLER_SAYS),
    refused("default_max_parallel_requests", "limit the models: baseload limit set --model"),
    refused(
      "optional_pre_call_checks",
      "affinity is the strategy prefix-affinity: docs/guides/routing.md",
    ),
    ignored(
      "enable_pre_call_checks enable_pre_call_check",
      "a model whose context is too short is never asked",
    ),
    ignored("allowed_fails allowed_fails_policy cooldown_time disable_cooldowns", OWN_CIRCUIT),
    ignored(
      "redis_host redis_port redis_password redis_url redis_db cache_responses cache_kwargs caching_groups client_ttl",
      NO_REDIS,
    ),
    ignored(
      "routing_strategy_args default_priority polling_interval ignore_invalid_deployments",
      "Baseload measures by its own rules",
    ),
    ignored("debug_level set_verbose", "the log's level is --log-level"),
    refused("alerting_config assistants_config search_tools guardrail_list", NO_ALERTS),
  ],
  litellm_settings: [
    taken(
      "fallbacks default_fallbacks context_window_fallbacks num_retries",
      "as in router_settings, which come first",
    ),
    taken("request_timeout", "the route's timeout until the first byte"),
    taken(
      "cache cache_params",
      "the route's cache, with its ttl; only exact repeats, only within an organization",
    ),
    taken("model_alias_map", "aliases of the route"),
    taken(
      "callbacks success_callback failure_callback service_callbacks",
      "prometheus and otel need no word; others are refused",
    ),
    refused(
      "content_policy_fallbacks",
      "what a provider refuses for its content is told to the caller and asked nowhere else",
    ),
    refused(
      "max_budget budget_duration",
      "money is prepaid: baseload credit add, and budgets of projects and keys",
    ),
    refused(
      "max_internal_user_budget internal_user_budget_duration max_end_user_budget default_internal_user_params default_team_settings default_team_params upperbound_key_generate_params default_key_generate_params key_generation_settings",
      KEYS,
    ),
    refused("max_parallel_requests", "limit the models: baseload limit set --model"),
    refused("modify_params", CALLER_SAYS),
    refused(
      "model_group_settings public_model_groups tag_budget_config priority_reservation",
      "give keys a priority: baseload limit set --key --priority",
    ),
    refused("custom_provider_map", "write openai/… with its api_base, if it speaks OpenAI's chat"),
    refused(
      "ssl_verify ssl_certificate force_ipv4 aiohttp_trust_env",
      "providers are called with verified certificates, by every address that they have",
    ),
    refused("guardrails mcp_aliases", "Baseload has none yet"),
    ignored(
      "drop_params",
      "what a provider cannot do is refused with the field's name, never dropped",
    ),
    ignored(
      "set_verbose json_logs suppress_debug_info log_raw_request_response turn_off_message_logging redact_messages_in_exceptions redact_user_api_key_info",
      "logs are JSON lines, without prompts and secrets",
    ),
    ignored(
      "telemetry enable_preview_features enable_json_schema_validation disable_hf_tokenizer_download disable_token_counter disable_copilot_system_to_assistant disable_add_transform_inline_image_block cost_margin_config",
      "is about LiteLLM itself",
    ),
    ignored(
      "disable_end_user_cost_tracking disable_end_user_cost_tracking_prometheus_only langfuse_default_tags",
      "every call is metered and charged exactly once",
    ),
    ignored("allowed_fails cooldown_time", OWN_CIRCUIT),
  ],
  general_settings: [
    ignored(
      "master_key",
      "Baseload has an admin token of its own; clients get new keys: baseload key create",
    ),
    ignored(
      "database_url database_connection_pool_limit database_connection_timeout database_type database_args disable_prisma_schema_update use_redis_transaction_buffer proxy_batch_write_at",
      OWN_DATABASE,
    ),
    ignored(
      "store_model_in_db supported_db_objects",
      "everything is in the database, and this import can be run again",
    ),
    ignored(
      "disable_spend_logs disable_spend_updates disable_reset_budget disable_error_logs proxy_budget_rescheduler_min_time proxy_budget_rescheduler_max_time",
      "every call is metered and charged exactly once",
    ),
    ignored(
      "completion_model embedding_model image_generation_model moderation_model infer_model_from_keys",
      "clients name the model that they call",
    ),
    ignored(
      "user_api_key_cache_ttl proxy_batch_polling_interval disable_master_key_return disable_adding_master_key_hash_to_db disable_retry_on_max_parallel_request_limit_error disable_responses_id_security health_check_details",
      "is about LiteLLM itself",
    ),
    ignored("background_health_checks health_check_interval health_check_concurrency", OWN_CIRCUIT),
    ignored("litellm_license", "there is nothing to license"),
    refused(
      "max_parallel_requests global_max_parallel_requests",
      "limit models or organizations: baseload limit set --concurrency",
    ),
    refused(
      "custom_auth custom_key_generate custom_sso enable_jwt_auth litellm_jwtauth enable_oauth2_auth enable_oauth2_proxy_auth oauth2_config_mappings allow_user_auth ui_access_mode",
      SIGN_IN,
    ),
    refused(
      "key_management_system key_management_settings use_azure_key_vault use_google_kms key_generation_settings default_team_disabled service_account_settings",
      "secrets are read from this command's environment and kept sealed",
    ),
    refused(
      "allow_requests_on_db_unavailable",
      "gateways go on from their leases without the database, and never without being paid",
    ),
    refused(
      "alerting alerting_threshold alerting_args alert_types alert_to_webhook_url spend_report_frequency",
      NO_ALERTS,
    ),
    refused(
      "allowed_routes public_routes admin_only_routes allowed_ips use_x_forwarded_for max_request_size_mb max_response_size_mb litellm_key_header_name proxy_config_reload_interval",
      NO_SERVER,
    ),
    refused(
      "pass_through_endpoints use_client_credentials_pass_through_routes allow_client_side_credentials forward_openai_org_id forward_client_headers_to_llm_api",
      "nothing is passed through that is not metered",
    ),
    refused("enforce_user_param enforced_params reject_clientside_metadata_tags", CALLER_SAYS),
    refused(
      "store_prompts_in_spend_logs maximum_spend_logs_retention_period maximum_spend_logs_retention_interval",
      "prompts are not stored",
    ),
    refused("user_mcp_management_mode coordination_redis", "Baseload does not serve it"),
  ],
};

/** The row of one setting; undefined: it is not known. */
export function rowOf(section: SectionName, name: string): SettingRow | undefined {
  return settingTable[section].find(({ names }) => names.includes(name));
}
