"""make-exports.py DATA OUT [NAME...]: transformers as the exporters of today write them, for exporters.mjs.

Needs torch, transformers, optimum with optimum-onnx, onnxruntime, and for some onnxruntime-genai. Real weights come from
DATA (llm/stories260K.safetensors, minilm/model.onnx); architectures without real weights get random ones whose size falls
with the fan-in. An export that fails is said and skipped: no version of these packages writes all of them.
"""
import json, os, pathlib, re, shutil, sys, traceback, types

os.environ.update(USE_TF="0", TF_CPP_MIN_LOG_LEVEL="3", HF_HUB_OFFLINE="1", TRANSFORMERS_VERBOSITY="error")
import numpy as np
import torch
import transformers as T

DATA, OUT, ONLY = sys.argv[1], sys.argv[2], sys.argv[3:]
os.makedirs(OUT, exist_ok=True)
LLM, MINILM = f"{DATA}/llm", f"{DATA}/minilm"
EXPORTS = {}


def export(make):
    EXPORTS[make.__name__.replace("_", "-")] = make
    return make


def fresh(name):
    folder = f"{OUT}/{name}"
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    return folder


def part(name):
    """The folder onnx/ of an export, in the layout of the hub."""
    folder = f"{fresh(name)}/onnx"
    os.makedirs(folder)
    return folder


def settings(name, source):
    for file in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        if os.path.exists(f"{source}/{file}"):
            shutil.copyfile(f"{source}/{file}", f"{OUT}/{name}/{file}")


def stories():
    """stories260K as a folder of transformers."""
    folder = f"{OUT}/hf-stories"
    if not os.path.exists(f"{folder}/config.json"):
        os.makedirs(folder, exist_ok=True)
        from safetensors.torch import load_file
        words = json.load(open(f"{LLM}/config.json"))
        config = T.LlamaConfig(**{k: v for k, v in words.items() if k not in ("architectures", "model_type", "torch_dtype")})
        model = T.LlamaForCausalLM(config)
        model.load_state_dict(load_file(f"{LLM}/stories260K.safetensors"), strict=False)
        model.tie_weights()
        model.save_pretrained(folder)
        shutil.copyfile(f"{LLM}/tokenizer.json", f"{folder}/tokenizer.json")
        words = dict(tokenizer_class="PreTrainedTokenizerFast", bos_token="<s>", eos_token="</s>", unk_token="<unk>", model_max_length=512)
        json.dump(words, open(f"{folder}/tokenizer_config.json", "w"))
    return folder


def wide_stories():
    """The same function with heads of 16 instead of 8, which GroupQueryAttention asks for: the other half is zeros."""
    folder = f"{OUT}/hf-stories-wide"
    if not os.path.exists(f"{folder}/config.json"):
        small = T.LlamaForCausalLM.from_pretrained(stories())
        words = {**small.config.to_dict(), "head_dim": 16, "rope_theta": small.config.rope_theta**2}
        model = T.LlamaForCausalLM(T.LlamaConfig(**{k: v for k, v in words.items() if k not in ("architectures", "model_type", "torch_dtype", "dtype")}))
        state = small.state_dict()
        # Rotations pair elements i and i + half: 4 pairs of 8 become the first 4 pairs of 16, at the same angles.
        place = torch.tensor([0, 1, 2, 3, 8, 9, 10, 11])
        for key in list(state):
            heads = 8 if "q_proj" in key else 4
            if any(name in key for name in ("q_proj", "k_proj", "v_proj")):
                wide = torch.zeros(heads, 16, 64)
                wide[:, place] = state[key].view(heads, 8, 64) * (2**0.5 if "q_proj" in key else 1)
                state[key] = wide.reshape(heads * 16, 64)
            if "o_proj" in key:
                wide = torch.zeros(64, 8, 16)
                wide[:, :, place] = state[key].view(64, 8, 8)
                state[key] = wide.reshape(64, 128)
        model.load_state_dict(state)
        ids = torch.arange(3, 103).reshape(2, 50)
        with torch.no_grad():
            print("  wide heads change scores by", float((model.eval()(ids).logits - small.eval()(ids).logits).abs().max()))
        model.save_pretrained(folder)
        for file in ("tokenizer.json", "tokenizer_config.json"):
            shutil.copyfile(f"{stories()}/{file}", f"{folder}/{file}")
    return folder


def llama():
    model = T.LlamaForCausalLM.from_pretrained(stories(), attn_implementation="eager").eval()
    return model


def minilm():
    """MiniLM as a folder of transformers, its weights taken out of the ONNX file."""
    folder = f"{OUT}/hf-minilm"
    if not os.path.exists(f"{folder}/config.json"):
        import onnx
        from onnx import numpy_helper
        graph = onnx.load(f"{MINILM}/model.onnx").graph
        held = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
        words = {k: v for k, v in json.load(open(f"{MINILM}/config.json")).items() if not k.startswith("_")}
        words.pop("architectures", None), words.pop("model_type", None), words.pop("transformers_version", None)
        model = T.BertModel(T.BertConfig(**words))
        state = model.state_dict()
        # A MatMul holds W^T under a number for a name; the bias added to its product has the layer's name.
        reads = {n.output[0]: n for n in graph.node}
        matrix = {}
        for node in graph.node:
            if node.op_type != "Add":
                continue
            bias = next((n for n in node.input if n.endswith(".bias")), None)
            product = next((reads[n] for n in node.input if n in reads and reads[n].op_type == "MatMul"), None)
            if bias and product:
                matrix[bias[: -len(".bias")]] = held[product.input[1]].T
        for key in state:
            base = key[: -len(".weight")]
            if key in held:
                state[key] = torch.tensor(held[key])
            elif base in matrix:
                state[key] = torch.tensor(np.ascontiguousarray(matrix[base]))
            elif not key.endswith("_ids"):
                print("  not in the file:", key)
        model.load_state_dict(state)
        model.save_pretrained(folder)
        for file in ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"):
            shutil.copyfile(f"{MINILM}/{file}", f"{folder}/{file}")
    return folder


def optimum(name, source, task, **more):
    from optimum.exporters.onnx import main_export
    folder = part(name)
    main_export(source, folder, task=task, do_validation=False, device="cpu", **more)
    settings(name, source)
    for file in os.listdir(folder):
        if not file.endswith((".onnx", ".onnx_data")):
            os.remove(f"{folder}/{file}")


# ---- stories260K, a llama -----------------------------------------------------------------------------------------------

@export
def stories_optimum():
    optimum("stories-optimum", stories(), "text-generation")


@export
def stories_optimum_past():
    optimum("stories-optimum-past", stories(), "text-generation-with-past")


@export
def stories_optimum_past_opset13():
    optimum("stories-optimum-past-opset13", stories(), "text-generation-with-past", opset=14)


@export
def stories_optimum_o2():
    optimum("stories-optimum-o2", stories(), "text-generation-with-past", optimize="O2")


@export
def stories_merged():
    """decoder_model, decoder_with_past_model and both in one file behind use_cache_branch."""
    from optimum.exporters.onnx import export_models
    from optimum.exporters.onnx.model_configs import LlamaOnnxConfig
    from optimum.onnx import merge_decoders
    folder = pathlib.Path(part("stories-merged"))
    model = llama()
    first = LlamaOnnxConfig(model.config, task="text-generation", use_past=True, use_past_in_inputs=False)
    later = LlamaOnnxConfig(model.config, task="text-generation", use_past=True, use_past_in_inputs=True)
    both = {"decoder_model": (model, first), "decoder_with_past_model": (model, later)}
    export_models(both, folder, device="cpu", output_names=["decoder_model.onnx", "decoder_with_past_model.onnx"])
    merge_decoders(folder / "decoder_model.onnx", folder / "decoder_with_past_model.onnx",
                   save_path=folder / "decoder_model_merged.onnx", strict=False)
    settings("stories-merged", stories())


class Logits(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids):
        return self.model(input_ids=input_ids, use_cache=False).logits


@export
def stories_unfolded():
    """Constants left as they are: weights of Linear stand behind a Transpose."""
    optimum("stories-unfolded", stories(), "text-generation", do_constant_folding=False)


@export
def stories_dynamo():
    folder = part("stories-dynamo")
    shape = {"input_ids": {0: torch.export.Dim("batch", min=1, max=64), 1: torch.export.Dim("sequence", min=2, max=512)}}
    torch.onnx.export(Logits(llama()), (torch.ones(2, 7, dtype=torch.long),), f"{folder}/model.onnx", dynamo=True,
                      input_names=["input_ids"], output_names=["logits"], dynamic_shapes=shape, external_data=False)
    settings("stories-dynamo", stories())


@export
def stories_dynamo_raw():
    """The same without its optimizer: functions and casts as they were traced."""
    folder = part("stories-dynamo-raw")
    shape = {"input_ids": {0: torch.export.Dim("batch", min=1, max=64), 1: torch.export.Dim("sequence", min=2, max=512)}}
    torch.onnx.export(Logits(llama()), (torch.ones(2, 7, dtype=torch.long),), f"{folder}/model.onnx", dynamo=True, optimize=False,
                      input_names=["input_ids"], output_names=["logits"], dynamic_shapes=shape, external_data=True)
    settings("stories-dynamo-raw", stories())


@export
def stories_constants():
    """Every weight in a Constant node."""
    import onnx
    from onnx import helper
    folder = part("stories-constants")
    model = onnx.load(f"{LLM}/stories260K.onnx")
    graph = model.graph
    held = list(graph.initializer)
    del graph.initializer[:]
    nodes = [helper.make_node("Constant", [], [t.name], value=t) for t in held] + list(graph.node)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.save(model, f"{folder}/model.onnx")
    settings("stories-constants", stories())


def genai(name, source, precision, ep="cpu", **extra):
    here = os.path.dirname(__import__("onnxruntime_genai").__file__)
    sys.path.insert(0, f"{here}/models")
    wanted = set()
    for root, _, files in os.walk(f"{here}/models"):
        for file in files:
            if file.endswith(".py"):
                text = open(f"{root}/{file}").read()
                for names in re.findall(r"from transformers import \(([^)]*)\)|from transformers import ([^(\n]+)", text):
                    wanted.update(re.findall(r"\w+", names[0] or names[1]))
    # Names of newer versions of transformers, of architectures that are not made here. Asking may load the module anew.
    for _ in range(2):
        for word in sorted(wanted):
            if not hasattr(sys.modules["transformers"], word):
                setattr(sys.modules["transformers"], word, type(word, (), {}))
    from onnxruntime_genai.models.builder import create_model, parse_extra_options
    folder = part(name)
    # As newer versions of transformers write it; with the null of older ones the builder stops.
    copy = f"{OUT}/cache/{name}"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(source, copy)
    words = json.load(open(f"{copy}/config.json"))
    if words.get("rope_scaling", 1) is None:
        words["rope_scaling"] = {"rope_type": "default", "rope_theta": words.get("rope_theta", 10000.0)}
        json.dump(words, open(f"{copy}/config.json", "w"))
    source, original = copy, source
    extra = parse_extra_options(None, source, folder, precision, ep, f"{OUT}/cache", [f"{k}={v}" for k, v in extra.items()])
    create_model(None, source, folder, precision, ep, f"{OUT}/cache", **extra)
    settings(name, original)
    for file in os.listdir(folder):
        if not file.endswith((".onnx", ".onnx.data", ".onnx_data")):
            os.remove(f"{folder}/{file}")


@export
def stories_genai_f32():
    genai("stories-genai-f32", wide_stories(), "fp32")


@export
def stories_genai_f16():
    genai("stories-genai-f16", wide_stories(), "fp16", "cuda")


@export
def stories_genai_web():
    genai("stories-genai-web", wide_stories(), "fp16", "webgpu")


@export
def stories_genai_int4():
    genai("stories-genai-int4", wide_stories(), "int4")


# ---- MiniLM, a bert -----------------------------------------------------------------------------------------------------

@export
def minilm_optimum():
    optimum("minilm-optimum", minilm(), "feature-extraction")


@export
def minilm_o1():
    optimum("minilm-o1", minilm(), "feature-extraction", optimize="O1")


@export
def minilm_o2():
    optimum("minilm-o2", minilm(), "feature-extraction", optimize="O2")


@export
def minilm_o3():
    optimum("minilm-o3", minilm(), "feature-extraction", optimize="O3")


def fused(name, half=False, **options):
    from onnxruntime.transformers import optimizer
    from onnxruntime.transformers.fusion_options import FusionOptions
    choose = FusionOptions("bert")
    for key, value in options.items():
        setattr(choose, key, value)
    folder = part(name)
    model = optimizer.optimize_model(f"{MINILM}/model.onnx", "bert", num_heads=12, hidden_size=384, optimization_options=choose, opt_level=0)
    if half:
        model.convert_float_to_float16(keep_io_types=True)
    model.save_model_to_file(f"{folder}/model.onnx")
    settings(name, minilm())


@export
def minilm_fused():
    fused("minilm-fused")


@export
def minilm_fused_f16():
    fused("minilm-fused-f16", half=True)


@export
def minilm_dynamo():
    folder = part("minilm-dynamo")

    class Hidden(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask, token_type_ids):
            return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids).last_hidden_state

    model = T.BertModel.from_pretrained(minilm(), attn_implementation="eager").eval()
    one = torch.ones(2, 7, dtype=torch.long)
    axes = {0: torch.export.Dim("batch", min=1, max=256), 1: torch.export.Dim("sequence", min=2, max=512)}
    torch.onnx.export(Hidden(model), (one, one, one), f"{folder}/model.onnx", dynamo=True, external_data=False,
                      input_names=["input_ids", "attention_mask", "token_type_ids"], output_names=["last_hidden_state"],
                      dynamic_shapes={"input_ids": axes, "attention_mask": axes, "token_type_ids": axes})
    settings("minilm-dynamo", minilm())


# ---- architectures without real weights ---------------------------------------------------------------------------------

def random_model(name, model, tokens=True):
    """Saved with weights of 1/sqrt(fan-in), gains near 1, and the heavier tails that trained weights have."""
    folder = f"{OUT}/hf-{name}"
    shutil.rmtree(folder, ignore_errors=True)
    source = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for key, value in model.named_parameters():
            noise = torch.randn(value.shape, generator=source)
            if value.dim() >= 2:
                fan = value[0].numel() if "embed" not in key and "wte" not in key and "wpe" not in key else 16
                value.copy_((noise + 0.1 * noise**3) * (fan**-0.5))
            elif "norm" in key.lower() or "ln_" in key or "layer_norm" in key:
                value.copy_((1 if key.endswith("weight") else 0) + 0.1 * noise)
            else:
                value.copy_(0.05 * noise)
    model.eval().save_pretrained(folder)
    if tokens:
        shutil.copyfile(f"{LLM}/tokenizer.json", f"{folder}/tokenizer.json")
        shutil.copyfile(f"{stories()}/tokenizer_config.json", f"{folder}/tokenizer_config.json")
    return folder


WORDS = dict(vocab_size=512, bos_token_id=1, eos_token_id=2, pad_token_id=0)
SMALL = dict(hidden_size=64, intermediate_size=160, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=256, **WORDS)
DECODERS = {
    "gpt2": lambda: T.GPT2LMHeadModel(T.GPT2Config(n_embd=64, n_layer=2, n_head=4, n_positions=256, **WORDS)),
    "neox": lambda: T.GPTNeoXForCausalLM(T.GPTNeoXConfig(**SMALL)),
    "qwen2": lambda: T.Qwen2ForCausalLM(T.Qwen2Config(num_key_value_heads=2, tie_word_embeddings=True, **SMALL)),
    "qwen3": lambda: T.Qwen3ForCausalLM(T.Qwen3Config(num_key_value_heads=2, head_dim=16, **SMALL)),
    "gemma": lambda: T.GemmaForCausalLM(T.GemmaConfig(num_key_value_heads=1, head_dim=16, **SMALL)),
    "gemma2": lambda: T.Gemma2ForCausalLM(T.Gemma2Config(num_key_value_heads=2, head_dim=16, **SMALL)),
    "phi": lambda: T.PhiForCausalLM(T.PhiConfig(**SMALL)),
    "phi3": lambda: T.Phi3ForCausalLM(T.Phi3Config(num_key_value_heads=2, **SMALL)),
    "opt": lambda: T.OPTForCausalLM(T.OPTConfig(hidden_size=64, ffn_dim=160, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=256, word_embed_proj_dim=64, **WORDS)),
    "bloom": lambda: T.BloomForCausalLM(T.BloomConfig(hidden_size=64, n_layer=2, n_head=4, **WORDS)),
    "olmo": lambda: T.OlmoForCausalLM(T.OlmoConfig(num_key_value_heads=2, **SMALL)),
    "mistral": lambda: T.MistralForCausalLM(T.MistralConfig(num_key_value_heads=2, sliding_window=64, **SMALL)),
    "mixtral": lambda: T.MixtralForCausalLM(T.MixtralConfig(num_key_value_heads=2, num_local_experts=4, num_experts_per_tok=2, **SMALL)),
}
for kind, build in DECODERS.items():
    EXPORTS[kind] = lambda kind=kind, build=build: optimum(kind, random_model(kind, build()), "text-generation-with-past")
    if kind in ("qwen2", "gemma2", "phi3", "mixtral", "qwen3", "gemma"):
        EXPORTS[f"{kind}-genai"] = lambda kind=kind, build=build: genai(f"{kind}-genai", random_model(kind, build()), "fp32")

SEQ = dict(d_model=64, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=4, encoder_ffn_dim=160, decoder_ffn_dim=160, **WORDS)
PAIRS = {
    "t5": ("text2text-generation-with-past", True, lambda: T.T5ForConditionalGeneration(T.T5Config(d_model=64, d_kv=16, d_ff=160, num_layers=2, num_heads=4, decoder_start_token_id=0, vocab_size=512, pad_token_id=0, eos_token_id=2))),
    "bart": ("text2text-generation-with-past", True, lambda: T.BartForConditionalGeneration(T.BartConfig(max_position_embeddings=256, decoder_start_token_id=2, **SEQ))),
    "marian": ("text2text-generation-with-past", True, lambda: T.MarianMTModel(T.MarianConfig(max_position_embeddings=256, decoder_start_token_id=0, **SEQ))),
    "whisper": ("automatic-speech-recognition-with-past", False, lambda: T.WhisperForConditionalGeneration(T.WhisperConfig(num_mel_bins=80, max_source_positions=1500, max_target_positions=128, decoder_start_token_id=1, begin_suppress_tokens=None, suppress_tokens=None, **SEQ))),
}
for kind, (task, tokens, build) in PAIRS.items():
    EXPORTS[kind] = lambda kind=kind, task=task, tokens=tokens, build=build: optimum(kind, random_model(kind, build()), task, **({} if tokens else dict(library_name="transformers")))

SIDE = dict(hidden_size=64, intermediate_size=160, num_hidden_layers=2, num_attention_heads=4)
ENCODERS = {
    "deberta": ("feature-extraction", lambda: T.DebertaV2Model(T.DebertaV2Config(vocab_size=512, relative_attention=True, pos_att_type=["p2c", "c2p"], max_position_embeddings=128, position_buckets=32, norm_rel_ebd="layer_norm", share_att_key=True, type_vocab_size=0, **SIDE))),
    "albert": ("feature-extraction", lambda: T.AlbertModel(T.AlbertConfig(vocab_size=512, embedding_size=32, max_position_embeddings=128, **{**SIDE, "num_hidden_layers": 4}))),
    "electra": ("fill-mask", lambda: T.ElectraForMaskedLM(T.ElectraConfig(vocab_size=512, embedding_size=32, max_position_embeddings=128, **SIDE))),
    "roberta": ("fill-mask", lambda: T.RobertaForMaskedLM(T.RobertaConfig(vocab_size=512, max_position_embeddings=128, type_vocab_size=1, pad_token_id=0, bos_token_id=1, eos_token_id=2, **SIDE))),
    "distilbert": ("text-classification", lambda: T.DistilBertForSequenceClassification(T.DistilBertConfig(vocab_size=512, dim=64, hidden_dim=160, n_layers=2, n_heads=4, max_position_embeddings=128))),
    "mpnet": ("feature-extraction", lambda: T.MPNetModel(T.MPNetConfig(vocab_size=512, max_position_embeddings=128, pad_token_id=0, **SIDE))),
    "modernbert": ("feature-extraction", lambda: T.ModernBertModel(T.ModernBertConfig(vocab_size=512, max_position_embeddings=128, pad_token_id=0, bos_token_id=1, eos_token_id=2, cls_token_id=1, sep_token_id=2, reference_compile=False, **SIDE))),
}
for kind, (task, build) in ENCODERS.items():
    EXPORTS[kind] = lambda kind=kind, task=task, build=build: optimum(kind, random_model(kind, build()), task)


def prepared(name, build, settings_of):
    folder = random_model(name, build(), tokens=name == "clip")
    settings_of().save_pretrained(folder)
    return folder


@export
def vit():
    build = lambda: T.ViTForImageClassification(T.ViTConfig(image_size=64, patch_size=8, num_labels=10, **SIDE))
    optimum("vit", prepared("vit", build, lambda: T.ViTImageProcessor(size=dict(height=64, width=64))), "image-classification")


@export
def clip():
    text, look = dict(vocab_size=512, max_position_embeddings=77, **{**SIDE, "projection_dim": 32}), dict(image_size=64, patch_size=16, projection_dim=32, **SIDE)
    build = lambda: T.CLIPModel(T.CLIPConfig(text_config=text, vision_config=look, projection_dim=32))
    optimum("clip", prepared("clip", build, lambda: T.CLIPImageProcessor(size=dict(shortest_edge=64), crop_size=dict(height=64, width=64))), "zero-shot-image-classification")


@export
def wav2vec2():
    shape = dict(conv_dim=(32, 32, 32), conv_stride=(5, 4, 4), conv_kernel=(10, 8, 4), num_feat_extract_layers=3, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4)
    build = lambda: T.Wav2Vec2ForCTC(T.Wav2Vec2Config(vocab_size=32, **SIDE, **shape))
    optimum("wav2vec2", prepared("wav2vec2", build, lambda: T.Wav2Vec2FeatureExtractor()), "automatic-speech-recognition")


@export
def lora():
    """Low-rank adapters left beside their layers: x W + (x A) B."""
    folder = part("lora")

    class Adapted(torch.nn.Module):
        def __init__(self, base):
            super().__init__()
            self.base, self.down, self.up = base, torch.nn.Linear(base.in_features, 4, bias=False), torch.nn.Linear(4, base.out_features, bias=False)
            torch.manual_seed(3)
            with torch.no_grad():
                self.up.weight.normal_(0, 0.02)

        def forward(self, x):
            return self.base(x) + self.up(self.down(x)) * 2.0

    model = llama()
    for layer in model.model.layers:
        layer.self_attn.q_proj, layer.self_attn.v_proj = Adapted(layer.self_attn.q_proj), Adapted(layer.self_attn.v_proj)
    shape = {"input_ids": {0: torch.export.Dim("batch", min=1, max=64), 1: torch.export.Dim("sequence", min=2, max=512)}}
    torch.onnx.export(Logits(model), (torch.ones(2, 7, dtype=torch.long),), f"{folder}/model.onnx", dynamo=True,
                      input_names=["input_ids"], output_names=["logits"], dynamic_shapes=shape, external_data=False)
    settings("lora", stories())


# ---- torch alone: both of its exporters, with samples beside the file ---------------------------------------------------

class First(torch.nn.Module):
    """One tensor, or several, out of what a model of transformers answers."""

    def __init__(self, model, names, answers):
        super().__init__()
        self.model, self.names, self.answers = model, names, answers

    def forward(self, *values):
        given = dict(zip(self.names, values))
        out = self.model(**given, return_dict=True, **({"use_cache": False} if self.model.can_generate() and "input_ids" in given else {}))
        return tuple(out[name] for name in self.answers)


def tokens(batch, length, seed=1):
    return torch.randint(3, 500, (batch, length), generator=torch.Generator().manual_seed(seed))


def floats(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class Experts(torch.nn.Module):
    """A mixture of experts whose weights are stacked: every expert on every token, those that are not chosen times zero."""

    config = types.SimpleNamespace()

    def __init__(self, width=64, inner=96, count=4, most=2):
        super().__init__()
        self.most = most
        self.embed = torch.nn.Embedding(512, width)
        self.norm = torch.nn.LayerNorm(width)
        self.router = torch.nn.Linear(width, count, bias=False)
        self.up = torch.nn.Parameter(torch.empty(count, width, 2 * inner))
        self.down = torch.nn.Parameter(torch.empty(count, inner, width))
        self.head = torch.nn.Linear(width, 512, bias=False)

    def can_generate(self):
        return False

    def forward(self, input_ids, return_dict=True):
        x = self.embed(input_ids)
        h = self.norm(x).flatten(0, 1)
        best, chosen = torch.topk(torch.softmax(self.router(h), -1), self.most)
        shares = torch.zeros(h.shape[0], self.up.shape[0]).scatter(1, chosen, best / best.sum(-1, keepdim=True))
        gate, value = torch.bmm(h.unsqueeze(0).expand(self.up.shape[0], -1, -1), self.up).chunk(2, -1)
        out = torch.bmm(torch.nn.functional.silu(gate) * value, self.down)
        mixed = torch.einsum("etd,te->td", out, shares).view(x.shape)
        return dict(logits=self.head(x + mixed))

    def save_pretrained(self, folder):
        os.makedirs(folder, exist_ok=True)
        torch.save(self.state_dict(), f"{folder}/weights.pt")

    @classmethod
    def from_pretrained(cls, folder, **_):
        model = cls()
        model.load_state_dict(torch.load(f"{folder}/weights.pt"))
        return model


MOE = dict(num_key_value_heads=2, num_experts_per_tok=2, **SMALL)
EAGER = dict(attn_implementation="eager")
BARE = {
    "torch-vit": (lambda: T.ViTForImageClassification(T.ViTConfig(image_size=64, patch_size=8, num_labels=10, **SIDE, **EAGER)), dict(pixel_values=lambda n, k: floats(n, 3, 64, 64, seed=k)), ["logits"]),
    "torch-clip-text": (lambda: T.CLIPTextModelWithProjection(T.CLIPTextConfig(vocab_size=512, max_position_embeddings=77, projection_dim=32, eos_token_id=2, **SIDE, **EAGER)), dict(input_ids=lambda n, k: tokens(n, 12, k)), ["text_embeds"]),
    "torch-clip-vision": (lambda: T.CLIPVisionModelWithProjection(T.CLIPVisionConfig(image_size=64, patch_size=16, projection_dim=32, **SIDE, **EAGER)), dict(pixel_values=lambda n, k: floats(n, 3, 64, 64, seed=k)), ["image_embeds"]),
    "torch-mixtral": (lambda: T.MixtralForCausalLM(T.MixtralConfig(num_local_experts=4, **MOE, **EAGER)), dict(input_ids=lambda n, k: tokens(n, 16, k)), ["logits"]),
    "torch-qwen2-moe": (lambda: T.Qwen2MoeForCausalLM(T.Qwen2MoeConfig(num_experts=4, moe_intermediate_size=96, shared_expert_intermediate_size=128, decoder_sparse_step=1, **MOE, **EAGER)), dict(input_ids=lambda n, k: tokens(n, 16, k)), ["logits"]),
    "torch-experts": (lambda: Experts(), dict(input_ids=lambda n, k: tokens(n, 16, k)), ["logits"]),
    "torch-mamba": (lambda: T.MambaForCausalLM(T.MambaConfig(hidden_size=64, state_size=8, num_hidden_layers=2, use_cache=False, **WORDS)), dict(input_ids=lambda n, k: tokens(n, 16, k)), ["logits"]),
    "torch-t5-encoder": (lambda: T.T5EncoderModel(T.T5Config(d_model=64, d_kv=16, d_ff=160, num_layers=2, num_heads=4, vocab_size=512, pad_token_id=0, eos_token_id=2, feed_forward_proj="gated-gelu")), dict(input_ids=lambda n, k: tokens(n, 16, k)), ["last_hidden_state"]),
    "torch-wav2vec2": (lambda: T.Wav2Vec2ForCTC(T.Wav2Vec2Config(vocab_size=32, conv_dim=(32, 32, 32), conv_stride=(5, 4, 4), conv_kernel=(10, 8, 4), num_feat_extract_layers=3, num_conv_pos_embeddings=16, num_conv_pos_embedding_groups=4, **SIDE, **EAGER)), dict(input_values=lambda n, k: floats(n, 4000, seed=k)), ["logits"]),
    "torch-whisper": (lambda: T.WhisperForConditionalGeneration(T.WhisperConfig(num_mel_bins=80, max_source_positions=100, max_target_positions=64, decoder_start_token_id=1, begin_suppress_tokens=None, suppress_tokens=None, **SEQ, **EAGER)), dict(input_features=lambda n, k: floats(n, 80, 200, seed=k), decoder_input_ids=lambda n, k: tokens(n, 8, k)), ["logits"]),
}


def bare(name, build, inputs, answers, dynamo):
    torch.manual_seed(5)
    folder = part(name)
    model = type(built := build()).from_pretrained(random_model(name, built, tokens=False), **(EAGER if "mamba" not in name and "t5" not in name else {})).eval()
    wrapped = First(model, list(inputs), answers)
    example = tuple(make(2, 0) for make in inputs.values())
    path = f"{folder}/{name}.onnx"
    if dynamo:
        axes = tuple({0: torch.export.Dim("batch", min=1, max=64)} for _ in inputs)
        torch.onnx.export(wrapped, example, path, dynamo=True, external_data=False, input_names=list(inputs), output_names=answers, dynamic_shapes=(axes,))
    else:
        torch.onnx.export(wrapped, example, path, dynamo=False, opset_version=17, input_names=list(inputs), output_names=answers, dynamic_axes={one: {0: "batch"} for one in [*inputs, *answers]})
    np.savez(f"{folder}/{name}.npz", **{one: make(24, 9).numpy() for one, make in inputs.items()})


for kind, (build, inputs, answers) in BARE.items():
    for way in ("dynamo", "legacy"):
        EXPORTS[f"{kind}-{way}"] = lambda kind=kind, build=build, inputs=inputs, answers=answers, way=way: bare(f"{kind}-{way}", build, inputs, answers, way == "dynamo")


if __name__ == "__main__":
    for name, make in EXPORTS.items():
        if ONLY and name not in ONLY:
            continue
        try:
            make()
            done = sorted(f"{os.path.relpath(os.path.join(r, f), OUT)} {os.path.getsize(os.path.join(r, f))}"
                          for r, _, files in os.walk(f"{OUT}/{name}") for f in files if ".onnx" in f)
            print("made", name, *done, sep="\n  ", flush=True)
        except Exception as problem:
            print("FAILED", name, type(problem).__name__, str(problem)[:400], flush=True)
            if os.environ.get("TRACE"):
                traceback.print_exc()
