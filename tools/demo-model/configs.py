# SPDX-License-Identifier: Apache-2.0
"""The configuration files of the model folder, complete as diffusers and transformers write them."""

SAMPLE_SIZE = 16  # latent pixels; pictures are 8 times as large

VAE = {
    "_class_name": "AutoencoderKL", "_diffusers_version": "0.32.2", "act_fn": "silu", "block_out_channels": [16, 32, 48, 64],
    "down_block_types": ["DownEncoderBlock2D"] * 4, "force_upcast": False, "in_channels": 3, "latent_channels": 4, "latents_mean": None, "latents_std": None,
    "layers_per_block": 1, "mid_block_add_attention": True, "norm_num_groups": 8, "out_channels": 3, "sample_size": 128, "scaling_factor": 1.0, "shift_factor": None,
    "up_block_types": ["UpDecoderBlock2D"] * 4, "use_post_quant_conv": True, "use_quant_conv": True}

TEXT = {
    "architectures": ["CLIPTextModel"], "attention_dropout": 0.0, "dropout": 0.0, "hidden_act": "quick_gelu", "hidden_size": 64, "initializer_factor": 1.0,
    "initializer_range": 0.02, "intermediate_size": 256, "layer_norm_eps": 1e-05, "max_position_embeddings": 77, "model_type": "clip_text_model",
    "num_attention_heads": 4, "num_hidden_layers": 2, "projection_dim": 64, "torch_dtype": "float16", "transformers_version": "4.49.0"}

UNET = {
    "_class_name": "UNet2DConditionModel", "_diffusers_version": "0.32.2", "act_fn": "silu", "addition_embed_type": None, "attention_head_dim": [2, 4, 5, 5],
    "block_out_channels": [32, 64, 80, 80], "center_input_sample": False, "class_embed_type": None, "conv_in_kernel": 3, "conv_out_kernel": 3,
    "cross_attention_dim": 64, "down_block_types": ["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
    "downsample_padding": 1, "dual_cross_attention": False, "encoder_hid_dim": None, "encoder_hid_dim_type": None, "flip_sin_to_cos": True, "freq_shift": 0,
    "in_channels": 4, "layers_per_block": 2, "mid_block_scale_factor": 1, "mid_block_type": "UNetMidBlock2DCrossAttn", "norm_eps": 1e-05, "norm_num_groups": 8,
    "num_class_embeds": None, "only_cross_attention": False, "out_channels": 4, "projection_class_embeddings_input_dim": None, "resnet_time_scale_shift": "default",
    "sample_size": SAMPLE_SIZE, "time_embedding_type": "positional", "transformer_layers_per_block": 1,
    "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"], "upcast_attention": False, "use_linear_projection": False}

SCHEDULER = {
    "_class_name": "DDIMScheduler", "_diffusers_version": "0.32.2", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": False,
    "num_train_timesteps": 1000, "prediction_type": "epsilon", "set_alpha_to_one": False, "skip_prk_steps": True, "steps_offset": 1, "timestep_spacing": "leading",
    "trained_betas": None}

MODEL_INDEX = {
    "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.32.2", "feature_extractor": [None, None], "image_encoder": [None, None], "requires_safety_checker": False, "safety_checker": [None, None],
    "scheduler": ["diffusers", "DDIMScheduler"], "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
    "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"]}
